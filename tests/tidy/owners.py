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

PARTS = {"cursor": ("services/portfolio/core/account/tick_cursor.py", f"{OWNERS_FOLDER}/stream.py")}
"""Parts of an owner that other modules read, with the only modules that may change them."""

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
    """Only an owner's module may assign or delete an attribute of the owner, or change a container in an attribute."""
    for file in files:
        if not file.is_python or not any(file.parts[: len(folder)] == folder for folder in READERS_OF_STATE):
            continue
        names = _Names(file.tree)
        for node in ast.walk(file.tree):
            changed = names.changed(node)
            if changed is None:
                continue
            owner, attribute, line = changed
            writers = PARTS.get(owner) or (f"{OWNERS_FOLDER}/{owner}.py",)
            if file.path not in writers:
                remedy = f"make the change in a method of {writers[0]}, and call the method"
                yield Violation(file.path, line, f"{owner}.{attribute} is changed here", remedy)


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
        """Owner, attribute and line of each attribute that a node assigns, deletes, or changes as a container."""
        target: ast.expr | None = None
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            target = node
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            target = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            target = node.func.value if node.func.attr in WRITERS_OF_CONTAINERS else None
        if isinstance(target, ast.Name) and target.id in self._attributes:
            return (*self._attributes[target.id], target.lineno)
        is_call = isinstance(node, ast.Call)
        if isinstance(target, ast.Attribute) and not (is_call and target.attr in OBJECTS):
            owner = self._owner(target.value)
            return None if owner is None else (owner, target.attr, target.lineno)
        return None

    def _alias(self, name: str, value: ast.expr) -> None:
        if isinstance(value, ast.Attribute) and (owner := self._owner(value)) is not None:
            self._held[name] = owner
        elif isinstance(value, ast.Attribute) and (owner := self._owner(value.value)) is not None:
            self._attributes[name] = owner, value.attr

    def _owner(self, node: ast.expr) -> str | None:
        """The owner or part to which an attribute or a variable refers; None for other expressions."""
        if isinstance(node, ast.Attribute):
            name = node.attr.lstrip("_")
            return name if name in OWNERS or name in PARTS else None
        return self._held.get(node.id.lstrip("_")) if isinstance(node, ast.Name) else None
