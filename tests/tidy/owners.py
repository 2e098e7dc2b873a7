"""The desk's state is changed only by the module of its owner."""

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
"""The class that only this module may change; variables and fields that hold one have the module's name."""

WRITERS_OF_CONTAINERS = frozenset({"append", "add", "extend", "insert", "remove", "discard", "pop", "setdefault"})
READERS_OF_STATE = (("services", "portfolio"), ("research",))
"""Folders with code that can reach an owner."""


def owners_alone_write(files: list[SourceFile]) -> Iterator[Violation]:
    """Only the module of an owner assigns, deletes or adds to its attributes."""
    for file in files:
        if not file.is_python or not any(file.parts[: len(folder)] == folder for folder in READERS_OF_STATE):
            continue
        held = _annotated(file.tree)
        for node in ast.walk(file.tree):
            written = _written(node)
            owner = None if written is None else _owner(written.value, held)
            if written is not None and owner is not None and file.path != f"{OWNERS_FOLDER}/{owner}.py":
                remedy = f"call a method of {OWNERS[owner]} that names the change, in {OWNERS_FOLDER}/{owner}.py"
                yield Violation(file.path, written.lineno, f"{owner}.{written.attr} is changed here", remedy)


def _written(node: ast.AST) -> ast.Attribute | None:
    """The attribute that a node assigns, deletes, or adds to as a container."""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
        return node
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return node.value if isinstance(node.value, ast.Attribute) else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITERS_OF_CONTAINERS:
        return node.func.value if isinstance(node.func.value, ast.Attribute) else None
    return None


def _owner(node: ast.expr, held: dict[str, str]) -> str | None:
    """The owner that an expression holds, by its last name or by the annotation of its variable."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    name = name.lstrip("_")
    return name if name in OWNERS else held.get(name) if isinstance(node, ast.Name) else None


def _annotated(tree: ast.Module) -> dict[str, str]:
    """Arguments and variables that are annotated with the class of an owner."""
    modules = {kind: module for module, kind in OWNERS.items()}
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name) and node.annotation.id in modules:
            found[node.arg] = modules[node.annotation.id]
    return found
