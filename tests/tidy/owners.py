"""Rule for the state of the desk: only the module that defines a part of the state, its owner, changes that part."""

import ast
from collections.abc import Iterator

from tests.tidy.source import SourceFile, Violation

OWNERS_FOLDER = "services/portfolio/core/state"
OWNERS = {
    "account": "AccountState",
    "stream": "StreamState",
    "lease": "LeaseState",
    "warnings": "Warnings",
    "latencies": "Latencies",
}
"""The class that each owner module defines, by the name of the module.

Only the owner module may change an object of the class. Variables that refer to the object have the module's name.
"""

_STREAM = f"{OWNERS_FOLDER}/stream.py"
_RISK_FOLDER = "services/portfolio/core/risk"
_RISK = (_STREAM, f"{_RISK_FOLDER}/state_updates.py", f"{_RISK_FOLDER}/registry.py", f"{_RISK_FOLDER}/rules/")
PARTS = {
    "cursor": ("services/portfolio/core/account/tick_cursor.py", _STREAM),
    "risk": _RISK,
    "risk_state": _RISK,
    "volatility": (_STREAM, "services/portfolio/core/sizing/volatility.py"),
}
"""Parts of an owner that other modules read, with the only modules and folders that may change them."""

CHANGES = ("update_", "clear_")
"""Beginnings of the names of functions that change an argument in place."""

OBJECTS = frozenset({"conditions"})
"""Attributes that are not containers: they are changed by their own methods."""

WRITERS_OF_CONTAINERS = frozenset(
    {
        "add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault",
        "sort", "update",
    }
)  # fmt: skip
READERS_OF_STATE = (("services", "portfolio"), ("research",))
"""Folders with code that has access to an owner."""


def owners_alone_write(files: list[SourceFile]) -> Iterator[Violation]:
    """Only an owner's module may assign or delete an attribute of the owner, or change a container in an attribute.

    Only the modules of a part may change a value inside the part, or pass the part to a function that changes it.
    """
    for file in files:
        if not file.is_python or not any(file.parts[: len(folder)] == folder for folder in READERS_OF_STATE):
            continue
        names = _Names(file.tree)
        for node in ast.walk(file.tree):
            changed = names.changed(node)
            if changed is None:
                continue
            owner, fact, line = changed
            writers = PARTS.get(owner) or (f"{OWNERS_FOLDER}/{owner}.py",)
            if not file.path.startswith(writers):
                remedy = f"make the change in a method of {writers[0]}, and call the method"
                yield Violation(file.path, line, fact, remedy)


class _Names:
    """The variables of a module that refer to an owner, to a part of an owner, or to an attribute of either."""

    def __init__(self, tree: ast.Module) -> None:
        kinds = {kind: module for module, kind in OWNERS.items()}
        self._held = {name: name for name in (*OWNERS, *PARTS)}
        self._attributes: dict[str, tuple[str, str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name) and node.annotation.id in kinds:
                self._held[node.arg] = kinds[node.annotation.id]
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                self._alias(node.targets[0].id, node.value)

    def changed(self, node: ast.AST) -> tuple[str, str, int] | None:
        """Owner or part, fact and line of each change: an assignment, a deletion, or a call that changes a value."""
        if isinstance(node, ast.Call) and (function := _name(node.func)).startswith(CHANGES):
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                if (part := self._part(argument)) is not None:
                    return part, f"{function} changes {part} here", node.lineno
        target: ast.expr | None = None
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            target = node
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            target = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            target = node.func.value if node.func.attr in WRITERS_OF_CONTAINERS else None
        if isinstance(target, ast.Name) and target.id in self._attributes:
            owner, attribute = self._attributes[target.id]
            return owner, f"{owner}.{attribute} is changed here", target.lineno
        is_call = isinstance(node, ast.Call)
        if isinstance(target, ast.Attribute) and not (is_call and target.attr in OBJECTS):
            found = self._owner(target.value) or self._part(target.value)
            return None if found is None else (found, f"{found}.{target.attr} is changed here", target.lineno)
        return None

    def _alias(self, name: str, value: ast.expr) -> None:
        if isinstance(value, ast.Attribute) and (owner := self._owner(value)) is not None:
            self._held[name] = owner
        elif isinstance(value, ast.Attribute) and (owner := self._owner(value.value)) is not None:
            self._attributes[name] = owner, value.attr
        elif isinstance(value, ast.Attribute | ast.Subscript) and (part := self._part(value)) is not None:
            self._attributes[name] = part, name

    def _part(self, node: ast.expr) -> str | None:
        """The part that an expression refers to, or that contains the value it refers to."""
        while isinstance(node, ast.Attribute | ast.Subscript):
            if (owner := self._owner(node)) in PARTS:
                return owner
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        owner = self._owner(node) or self._attributes.get(node.id, ("", ""))[0]
        return owner if owner in PARTS else None

    def _owner(self, node: ast.expr) -> str | None:
        """The owner or part to which an attribute or a variable refers; None for other expressions."""
        if isinstance(node, ast.Attribute):
            name = node.attr.lstrip("_")
            return name if name in OWNERS or name in PARTS else None
        return self._held.get(node.id.lstrip("_")) if isinstance(node, ast.Name) else None


def _name(function: ast.expr) -> str:
    """The last name of a function or method that is called; empty for another expression."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
