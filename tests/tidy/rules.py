"""The house rules: each a small function from the files to what breaks it.

A rule sees all files and picks those that it is about; it never changes them. Which rules there are is the list at the
end; `test_rules_fire.py` shows each of them a file that breaks it.
"""

import ast
import re
from collections.abc import Callable, Iterator

from tests.tidy.layers import (
    OURS,
    core_keeps_to_itself,
    core_reads_no_clock,
    layers_point_down,
    packages_of_a_core_point_down,
)
from tests.tidy.names import (
    classes_exist,
    dotted_names_lead_somewhere,
    exceptions_exist,
    links_lead_somewhere,
    paths_lead_somewhere,
    words_name_something,
)
from tests.tidy.owners import owners_alone_write
from tests.tidy.source import SourceFile, Violation

Rule = Callable[[list[SourceFile]], Iterator[Violation]]

LINES_MAX = 450  # what one can still hold in the head; beyond it there are two modules in one

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

# Put together here so that this file does not break its own rules.
UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")) + r")\b")
OF_ONE_MACHINE = re.compile(r"(?<![\w.~$}])/(?:" + "|".join(("work", "root", "home")) + r")/")
REGISTRY = re.compile(
    "|".join((r"(?<!no-emit-)index" + "-url", "py" + r"pi\.org", "python" + r"hosted\.org", "npm" + r"js\.(?:org|com)"))
)
DIRECTIVE = re.compile(r"(?:noqa|type: ignore|pragma)\S*\s*[A-Z0-9, ]*(?:\[[\w-]+\])?")
EXPLANATION_CHARS_MIN = 10


def _code(files: list[SourceFile]) -> list[SourceFile]:
    return [file for file in files if file.is_python and file.parts[0] in OURS]


def _search(files: list[SourceFile], pattern: re.Pattern[str], remedy: str) -> Iterator[Violation]:
    for file in files:
        for number, line in enumerate(file.lines, start=1):
            if found := pattern.search(line):
                yield Violation(file.path, number, f"{found.group()!r} stands here", remedy)


def modules_are_short(files: list[SourceFile]) -> Iterator[Violation]:
    """No module is longer than `LINES_MAX` lines."""
    for file in _code(files):
        if (count := len(file.lines)) > LINES_MAX:
            yield Violation(file.path, count, f"{count} lines, {LINES_MAX} allowed", "split it along what it decides")


def modules_say_what_they_are(files: list[SourceFile]) -> Iterator[Violation]:
    """Each module opens with a docstring, and each folder of modules is a package that does."""
    for file in _code(files):
        if not (ast.get_docstring(file.tree) or "").strip():
            yield Violation(file.path, 1, "no docstring", "open with what lives here, what may not, and how it works")
    paths = {file.path for file in files}
    for folder in sorted({file.path.rpartition("/")[0] for file in _code(files)}):
        if f"{folder}/__init__.py" not in paths:
            remedy = "add one whose docstring says what the package is for"
            yield Violation(f"{folder}/__init__.py", 1, "this folder has modules and no __init__.py", remedy)


def no_path_of_one_machine(files: list[SourceFile]) -> Iterator[Violation]:
    """No file names a folder that only one machine has."""
    remedy = "name it relative to the checkout, or make it a setting"
    yield from _search(files, OF_ONE_MACHINE, remedy)


def no_package_registry(files: list[SourceFile]) -> Iterator[Violation]:
    """No file says where packages are fetched from: that is for the machine to know."""
    yield from _search(files, REGISTRY, "leave the choice of a registry to pip's own configuration")


def nothing_unfinished(files: list[SourceFile]) -> Iterator[Violation]:
    """No file carries a note about work left over."""
    yield from _search(files, UNFINISHED, "do it now, or describe the limit in the docs")


def only_the_command_line_prints(files: list[SourceFile]) -> Iterator[Violation]:
    """Printing is for cli/ and tests/; a service logs."""
    for file in _code(files):
        if file.parts[0] not in ("cli", "tests"):
            for node, name in file.calls():
                if name == "print":
                    yield Violation(file.path, node.lineno, "print()", "log it, or return it to cli/")


def broad_excepts_are_explained(files: list[SourceFile]) -> Iterator[Violation]:
    """No bare except; one for everything says on its line why nothing narrower will do."""
    for file in _code(files):
        for handler, caught in file.broad_handlers():
            comment = DIRECTIVE.sub("", file.comments.get(handler.lineno, "")).strip("# ")
            if not caught:
                yield Violation(file.path, handler.lineno, "bare except", "name what is expected to go wrong")
            elif len(comment) < EXPLANATION_CHARS_MIN:
                remedy = "name what is expected, or say in a comment on this line why everything is caught"
                yield Violation(file.path, handler.lineno, f"except {caught} without a reason", remedy)


def tests_do_not_sleep(files: list[SourceFile]) -> Iterator[Violation]:
    """A test that sleeps is slow on a good day and wrong on a bad one."""
    for file in _code(files):
        if file.parts[0] == "tests":
            for node, name in file.uses():
                if name in ("time.sleep", "asyncio.sleep"):
                    yield Violation(file.path, node.lineno, name, "wait for the condition itself, with a deadline")


def the_root_stays_bare(files: list[SourceFile]) -> Iterator[Violation]:
    """The root folder holds what a newcomer must see first, and nothing else."""
    for name in sorted({file.parts[0] for file in files} - AT_THE_ROOT):
        remedy = "put it into docs/, deploy/ or the package it belongs to, or add it to AT_THE_ROOT"
        yield Violation(name, 1, "does not belong to the root folder", remedy)


RULES: list[Rule] = [
    core_keeps_to_itself,
    core_reads_no_clock,
    layers_point_down,
    packages_of_a_core_point_down,
    owners_alone_write,
    modules_are_short,
    modules_say_what_they_are,
    no_path_of_one_machine,
    no_package_registry,
    nothing_unfinished,
    only_the_command_line_prints,
    broad_excepts_are_explained,
    tests_do_not_sleep,
    the_root_stays_bare,
    paths_lead_somewhere,
    dotted_names_lead_somewhere,
    words_name_something,
    exceptions_exist,
    classes_exist,
    links_lead_somewhere,
]
