"""The files of the checkout as input of the rules: text, syntax tree, and full names of imports."""

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Violation(NamedTuple):
    """One place that violates a rule, with the fact and the correction."""

    path: str
    line: int
    fact: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.fact}; {self.remedy}"


class Import(NamedTuple):
    """One imported name in full: `from a.b import c` is `a.b.c`."""

    line: int
    name: str

    @property
    def top(self) -> str:
        """The first part of the name."""
        return _top(self.name)

    def is_in(self, package: str) -> bool:
        """Whether the name is a package or a name inside the package."""
        return self.name == package or self.name.startswith(package + ".")


@dataclass(frozen=True)
class SourceFile:
    """A file of the checkout; `path` is relative to the root, with forward slashes."""

    path: str
    text: str

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders and the file name."""
        return PurePosixPath(self.path).parts

    @property
    def is_python(self) -> bool:
        """Whether the file is Python code."""
        return self.path.endswith(".py")

    @cached_property
    def lines(self) -> list[str]:
        """The lines without line ends; line n is at index n - 1."""
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, filename=self.path)

    @cached_property
    def comments(self) -> dict[int, str]:
        """The comment of each line that has one, without its hash."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}

    @cached_property
    def module(self) -> str:
        """The dotted name under which the file is imported."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def docstrings(self) -> dict[ast.Constant, str]:
        """All docstrings, also those below fields and constants: each string that is a statement, with its node."""
        statements = (node.value for node in ast.walk(self.tree) if isinstance(node, ast.Expr))
        return {n: n.value for n in statements if isinstance(n, ast.Constant) and isinstance(n.value, str)}

    @cached_property
    def definitions(self) -> set[str]:
        """The names that the module defines or imports at its top level."""
        names: set[str] = set()
        for statement in self.tree.body:
            is_scope = isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            names.update(name for node in ([statement] if is_scope else ast.walk(statement)) for name in _bound(node))
        return names

    @cached_property
    def identifiers(self) -> set[str]:
        """All identifiers in the code: variables, attributes, arguments, and words of strings that are not prose."""
        return {name for node in ast.walk(self.tree) if node not in self.docstrings for name in _identifiers_of(node)}

    @cached_property
    def imports(self) -> list[Import]:
        """All imports, also inside functions and for types only."""
        return [found for node in ast.walk(self.tree) for found in self._imports_of(node)]

    def uses(self) -> Iterator[tuple[ast.expr, str]]:
        """Every use of an imported name or of its attribute, with its full original name.

        After `from time import sleep as rest`, `rest` is a use of `time.sleep`. An argument with the name `time` is not
        a use of the module.
        """
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name | ast.Attribute) and _root(node) in self._imported_as:
                yield node, self._full_name(node) or ""

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Every call of a function with a plain dotted name, with its full original name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and (name := self._full_name(node.func)):
                yield node, name

    def broad_handlers(self) -> Iterator[tuple[ast.ExceptHandler, str]]:
        """Every handler that catches all exceptions.

        The second value is the name of the class, Exception or BaseException; it is empty for a bare `except`.
        """
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ExceptHandler):
                if node.type is None:
                    yield node, ""
                else:
                    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
                    broad = [k.id for k in kinds if isinstance(k, ast.Name) and k.id in ("Exception", "BaseException")]
                    if broad:
                        yield node, broad[0]

    def _imports_of(self, node: ast.AST) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield Import(node.lineno, f"{self._absolute(node)}.{alias.name}")

    def _absolute(self, node: ast.ImportFrom) -> str:
        package = self.parts[: -node.level] if node.level else ()
        return ".".join([*package, *([node.module] if node.module else [])])

    @cached_property
    def _imported_as(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names.update(dict((a.asname, a.name) if a.asname else (_top(a.name), _top(a.name)) for a in node.names))
            elif isinstance(node, ast.ImportFrom):
                names.update({a.asname or a.name: f"{self._absolute(node)}.{a.name}" for a in node.names})
        return names

    def _full_name(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self._imported_as.get(node.id, node.id)
        if isinstance(node, ast.Attribute) and (owner := self._full_name(node.value)):
            return f"{owner}.{node.attr}"
        return None


def _top(name: str) -> str:
    return name.partition(".")[0]


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or _top(node.name)


def _identifiers_of(node: ast.AST) -> Iterator[str]:
    yield from _bound(node)
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.arg | ast.keyword) and node.arg:
        yield node.arg
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        # A string of one line with spaces is prose; a string of several lines is a script or an SQL statement.
        yield from re.findall(r"\w+", node.value) if " " not in node.value or "\n" in node.value else ()


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def checkout() -> list[SourceFile]:
    """Every file that git tracks or would add, so that a rule finds a violation before the commit.

    A binary file has an empty text; its path is known like any other.
    """
    # If the checkout belongs to another user than the one who runs the tests, git refuses to list it by default.
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    files = (ROOT / name for name in sorted(set(names)) if name)
    contents = ((path, path.read_bytes()) for path in files if path.is_file())
    texts = ((path, "" if b"\0" in data else data.decode()) for path, data in contents)
    return [SourceFile(str(path.relative_to(ROOT)), text) for path, text in texts]
