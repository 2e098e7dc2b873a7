"""The rules for this checkout: each is a function that takes all files and returns the violations.

A rule selects the files to which it applies. `RULES` lists all rules; `test_rules_fire.py` has at least one
violation of each.
"""

import ast
import re
from collections.abc import Callable, Iterator

from tests.tidy.docstrings import numbers_have_units, raised_errors_are_documented
from tests.tidy.layers import (
    OURS,
    core_imports_pure_code_only,
    core_reads_no_clock,
    layers_point_down,
    packages_of_a_core_point_down,
)
from tests.tidy.names import (
    backticked_names_exist,
    classes_exist,
    dotted_names_exist,
    exceptions_exist,
    links_have_targets,
    paths_exist,
)
from tests.tidy.owners import owners_alone_write
from tests.tidy.source import SourceFile, Violation

Rule = Callable[[list[SourceFile]], Iterator[Violation]]

LINES_MAX = 450  # a longer module does more than one thing

AT_THE_ROOT = {
    ".ci",
    ".dockerignore",
    ".env.example",
    ".gitattributes",
    ".github",
    ".gitignore",
    "CHANGELOG.md",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "docker-compose.yml",
    "pyproject.toml",
    "supervisord.conf",
    "deploy",
    "docs",
    "models",
    "requirements",
    *OURS,
}

# The words are joined from parts, so that this file does not break its own rules.
UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")) + r")\b")
OF_ONE_MACHINE = re.compile(r"(?<![\w.~$}])/(?:" + "|".join(("work", "root", "home")) + r")/")
REGISTRY = re.compile(
    "|".join((r"(?<!no-emit-)index" + "-url", "py" + r"pi\.org", "python" + r"hosted\.org", "npm" + r"js\.(?:org|com)"))
)
PLAIN_WORDS = {
    "by" + " now": "currently",
    "an" + "ew": "again",
    "who" + "ever": "the person or process by a noun",
    "there" + "of": "the thing itself",
    "where" + "in": "in which",
    "le" + "st": "so that ... not",
    "am" + "id": "between or during",
    "tells" + " of": "reports",
    "says" + " so": "reports it",
    "in" + " words": "as text",
    "is" + " told": "gets, or is reported",
    "are" + " told": "get, or are reported",
    "was" + " told": "got, or was reported",
    "be" + " told": "get, or be reported",
}
"""Phrases that need a second reading, each with what to write instead."""
_PHRASE = "|".join(PLAIN_WORDS)
NOT_PLAIN = re.compile(rf"[\"'`](?:{_PHRASE})[\"'`]|\b({_PHRASE})\b", re.IGNORECASE)

DIRECTIVE = re.compile(r"(?:noqa|type: ignore|pragma)\S*\s*[A-Z0-9, ]*(?:\[[\w-]+\])?")
EXPLANATION_CHARS_MIN = 10


def _code(files: list[SourceFile]) -> list[SourceFile]:
    return [file for file in files if file.is_python and file.parts[0] in OURS]


def _search(files: list[SourceFile], pattern: re.Pattern[str], remedy: str) -> Iterator[Violation]:
    for file in files:
        for number, line in enumerate(file.lines, start=1):
            if found := pattern.search(line):
                yield Violation(file.path, number, f"{found.group()!r} is not allowed", remedy)


def modules_are_short(files: list[SourceFile]) -> Iterator[Violation]:
    """No module is longer than `LINES_MAX` lines."""
    for file in _code(files):
        if (count := len(file.lines)) > LINES_MAX:
            yield Violation(
                file.path, count, f"{count} lines, {LINES_MAX} allowed", "split it into one module per task"
            )


def modules_have_docstrings(files: list[SourceFile]) -> Iterator[Violation]:
    """Each module has a docstring, and each folder of modules is a package."""
    for file in _code(files):
        if not (ast.get_docstring(file.tree) or "").strip():
            yield Violation(file.path, 1, "no docstring", "describe what the module contains and how it works")
    paths = {file.path for file in files}
    for folder in sorted({file.path.rpartition("/")[0] for file in _code(files)}):
        if f"{folder}/__init__.py" not in paths:
            remedy = "add one with a docstring that describes the package"
            yield Violation(f"{folder}/__init__.py", 1, "this folder has modules and no __init__.py", remedy)


def no_path_of_one_machine(files: list[SourceFile]) -> Iterator[Violation]:
    """No file contains a path that exists on one machine only."""
    remedy = "use a path relative to the checkout, or a setting"
    yield from _search(files, OF_ONE_MACHINE, remedy)


def no_package_registry(files: list[SourceFile]) -> Iterator[Violation]:
    """No file contains the address of a package registry; each machine configures its own."""
    yield from _search(files, REGISTRY, "leave the choice of a registry to pip's own configuration")


def texts_use_plain_words(files: list[SourceFile]) -> Iterator[Violation]:
    """No page, docstring, comment or text has a phrase of `PLAIN_WORDS`, except a string that is only the phrase."""
    for file in files:
        if file.path.endswith((".py", ".md")) and file.path != "CHANGELOG.md":
            for number, line in enumerate(file.lines, start=1):
                for found in filter(None, NOT_PLAIN.findall(line)):
                    yield Violation(file.path, number, f"{found!r} stands here", f"write {PLAIN_WORDS[found.lower()]}")


def nothing_unfinished(files: list[SourceFile]) -> Iterator[Violation]:
    """No file contains a note about unfinished work."""
    yield from _search(files, UNFINISHED, "do it now, or describe the limit in the docs")


def only_the_command_line_prints(files: list[SourceFile]) -> Iterator[Violation]:
    """Only cli/ and tests/ print; a service logs."""
    for file in _code(files):
        if file.parts[0] not in ("cli", "tests"):
            for node, name in file.calls():
                if name == "print":
                    yield Violation(file.path, node.lineno, "print()", "log it, or return it to cli/")


def broad_excepts_are_explained(files: list[SourceFile]) -> Iterator[Violation]:
    """No `except` is bare, and an `except` of Exception or BaseException has a comment with the reason on its line."""
    for file in _code(files):
        for handler, caught in file.broad_handlers():
            comment = DIRECTIVE.sub("", file.comments.get(handler.lineno, "")).strip("# ")
            if not caught:
                yield Violation(file.path, handler.lineno, "bare except", "name the expected exceptions")
            elif len(comment) < EXPLANATION_CHARS_MIN:
                remedy = "name the expected exceptions, or explain in a comment on this line why everything is caught"
                yield Violation(file.path, handler.lineno, f"except {caught} without a reason", remedy)


def tests_do_not_sleep(files: list[SourceFile]) -> Iterator[Violation]:
    """Tests do not sleep: a sleep is either longer than needed or too short."""
    for file in _code(files):
        if file.parts[0] == "tests":
            for node, name in file.uses():
                if name in ("time.sleep", "asyncio.sleep"):
                    yield Violation(file.path, node.lineno, name, "wait for the condition itself, with a deadline")


def the_root_stays_bare(files: list[SourceFile]) -> Iterator[Violation]:
    """The root folder contains only what a newcomer must see first."""
    for name in sorted({file.parts[0] for file in files} - AT_THE_ROOT):
        remedy = "put it into docs/, deploy/ or the package it belongs to, or add it to AT_THE_ROOT"
        yield Violation(name, 1, "does not belong in the root folder", remedy)


RULES: list[Rule] = [
    core_imports_pure_code_only,
    core_reads_no_clock,
    layers_point_down,
    packages_of_a_core_point_down,
    owners_alone_write,
    modules_are_short,
    modules_have_docstrings,
    no_path_of_one_machine,
    no_package_registry,
    nothing_unfinished,
    texts_use_plain_words,
    numbers_have_units,
    raised_errors_are_documented,
    only_the_command_line_prints,
    broad_excepts_are_explained,
    tests_do_not_sleep,
    the_root_stays_bare,
    paths_exist,
    dotted_names_exist,
    backticked_names_exist,
    exceptions_exist,
    classes_exist,
    links_have_targets,
]
