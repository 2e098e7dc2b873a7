"""Rules for the docstrings of public functions: numbers have units, errors are named.

A public function is a function outside the tests. Neither its name nor the name of its class begins with an underscore.
"""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.tidy.layers import OURS
from tests.tidy.source import SourceFile, Violation

IS_NUMBER = re.compile(r"\b(?:int|float|NDArray|ndarray|Price|Volume|FloatArray|IntArray)\b")
HAS_UNIT = re.compile(
    r"(?:^|_)(?:ns|us|ms|s|seconds|minutes|hours|days|ticks|points|bytes|lots|ratio|percent|ppm"
    r"|count|number|index|tick|seed|id|pid|port|size|digits|epoch)$|^limit_"
)
"""Names that give the unit, or that count or identify something."""

OF_THE_LANGUAGE = {"AssertionError", "NotImplementedError", "SystemExit", "TypeError"}
"""Errors that a docstring need not name: they show a fault in code, or end the process."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class PublicFunction(NamedTuple):
    """A public function or method with its docstring, which is empty if it has none."""

    node: Function
    docstring: str


def _public_functions(body: list[ast.stmt]) -> Iterator[PublicFunction]:
    for node in body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            if isinstance(node, ast.ClassDef):
                yield from _public_functions(node.body)
            elif not any("overload" in ast.unparse(decorator) for decorator in node.decorator_list):
                yield PublicFunction(node, ast.get_docstring(node) or "")


def _parameters(node: Function) -> Iterator[tuple[str, str]]:
    for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        if argument.annotation is not None:
            yield argument.arg, ast.unparse(argument.annotation)


def _raised(node: Function) -> Iterator[str]:
    for statement in ast.walk(node):
        if isinstance(statement, ast.Raise) and statement.exc is not None:
            raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
            name = ast.unparse(raised).rpartition(".")[2]
            if name[0].isupper() and name not in OF_THE_LANGUAGE:
                yield name


def _judged(files: list[SourceFile]) -> Iterator[tuple[SourceFile, PublicFunction]]:
    for file in files:
        if file.is_python and file.parts[0] in OURS and file.parts[0] != "tests":
            for function in _public_functions(file.tree.body):
                yield file, function


def numbers_have_units(files: list[SourceFile]) -> Iterator[Violation]:
    """Each number or array that a public function takes has its unit in its name, or a description in the docstring."""
    for file, (node, docstring) in _judged(files):
        for name, annotation in _parameters(node):
            is_described = HAS_UNIT.search(name) or re.search(rf"\b{name}\b", docstring)
            if IS_NUMBER.search(annotation) and not is_described:
                remedy = "give its unit, sign or shape in the docstring"
                yield Violation(file.path, node.lineno, f"{node.name}({name}) has no unit", remedy)


def raised_errors_are_documented(files: list[SourceFile]) -> Iterator[Violation]:
    """The docstring of a public function names each error that the function itself raises."""
    for file, (node, docstring) in _judged(files):
        for error in sorted(set(_raised(node))):
            if error not in docstring:
                yield Violation(file.path, node.lineno, f"{node.name}() raises {error}", "name it under Raises:")
