"""Rules for names in text: a named file, folder, module, definition, class or link target must exist.

Pages, configuration and code are searched line by line. Single lower-case words in backticks are checked only in
docstrings and comments. A name is wrong if nothing in the checkout has the name.
"""

import ast
import builtins
import posixpath
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase

from tests.tidy.layers import OURS
from tests.tidy.source import SourceFile, Violation

# First folders of a path. models/ is not one of them, because pages name models that the reader puts there.
TOPS = (*OURS, "docs", "deploy", "requirements")
INSTALLED = "/opt/paperdesk/"  # the checkout in the image and in the systemd unit
# Files that programs write: locks, dashboards, pictures and recorded inputs.
FOREIGN = (".lock", ".json", ".svg", ".txt")
NAMED = (".py", ".md")  # files that may be named without their folder
# The cases of this test name files that do not exist.
MADE_UP = "tests/tidy/test_rules_fire.py"
# Names that tests use because nothing has them.
NOWHERE = {"tests.unit.signal.builders:Nobody", "/opt/paperdesk/proto/x"}

PATH = re.compile(
    r"(?<![\w./*<>{}…~$-])[\w.*<>{}…-]*(?:/[\w.*<>{}/…@-]*|[\w*>}…-]\.(?:py|md)\b(?!/))(?:(?:::\w+)+|`, `\w+(?=`))?"
)
# A definition in a file follows the file's name after two colons, or in the next pair of backticks.
INSIDE = re.compile(r"::|`, `")
# Placeholders for any name: `services/*/core/`, `services/<name>/`, `services/X/metrics.py`, an f-string's {name}.
HOLE = re.compile(r"<[^>]*>|\{[^}]*\}|\*+|…|\.{3}|\b(?:X|NAME|N{4})\b")
DOTTED = re.compile(rf"(?<![\w./-])(?:{'|'.join(OURS)})(?:[.:](?:\w+|\*|<\w+>|\{{[^{{}}]*\}}))+")
# Imports of a script in a string, which type checkers do not read.
IMPORTED = re.compile(rf"from ((?:{'|'.join(OURS)})[\w.]*) import (\w+(?:, \w+)*)")
SPAN = re.compile(r"`([^`]*)`")
# The exceptions that a docstring names: one at the beginning of each line below "Raises:".
RAISES = re.compile(r"^ +Raises:\n((?:^ +\S.*\n?)+)", re.MULTILINE)
RAISED = re.compile(r"^ +([A-Z]\w+):", re.MULTILINE)
CAMEL = re.compile(r"([A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+)(?:\.\w+)*(?:\(.*\))?")
# Words that begin or end with an underscore, such as `_ns`, are parts of names and are not checked.
WORD = re.compile(r"[a-z*](?:[a-z0-9_*]*[a-z0-9*])?")
RELATIVE = re.compile(r"[a-z]\w*(?:\.\w+)+")
LINK = re.compile(r"\]\(([^)\s:]+)\)")
COMMAND = "paperdesk"  # the command; no module has this name


class Checkout:
    """The files, modules and identifiers of the checkout, which a text may name."""

    def __init__(self, files: list[SourceFile]) -> None:
        self.paths = {file.path: file for file in files}
        self.folders = {"/".join(file.parts[:depth]) for file in files for depth in range(1, len(file.parts))}
        self.ignored = set(self.paths[".gitignore"].lines) if ".gitignore" in self.paths else set()
        self._listing = "\n".join((*self.paths, *(f"{folder}/" for folder in self.folders)))
        self.modules = {file.module: file for file in files if file.is_python}
        self._known: dict[str, set[str]] = {}

    def find(self, path: str, *, within: str | None = None) -> list[str]:
        """The files and folders with this path; with `within`, those in that folder whose path ends with this path."""
        pattern = r"[^/\n]*".join(map(re.escape, HOLE.split(path))) + ("" if path.endswith("/") else "/?")
        start = "" if within is None else f"(?={re.escape(within)})(?:.*/)?"
        return re.findall(f"^{start}{pattern}$", self._listing, flags=re.MULTILINE)

    def defines(self, name: str) -> bool:
        """Whether a full dotted name is a module, or something that a module defines or imports."""
        if HOLE.search(name):
            pattern = r"\w+".join(map(re.escape, HOLE.split(name)))
            return any(re.fullmatch(pattern, module) for module in self.modules)
        parts = re.split("[.:]", name)
        for length in range(len(parts), 0, -1):
            if module := self.modules.get(".".join(parts[:length])):
                return _is_in(module, parts[length:])
        return False

    def defines_below(self, folder: str, name: str) -> bool:
        """Whether a dotted name, beginning with a module or package somewhere in a folder, exists."""
        first = name.partition(".")[0]
        inside = (module for module, file in self.modules.items() if file.path.startswith(folder))
        roots = [module for module in inside if module.rpartition(".")[2] == first]
        return any(self.defines(root + name.removeprefix(first)) for root in roots)

    def known(self, folder: str) -> set[str]:
        """The names of modules and folders in a folder, and all identifiers in the code there."""
        if folder not in self._known:
            inside = [f for f in self.modules.values() if f.path.startswith(folder) and f.path != MADE_UP]
            modules = {part for file in inside for part in file.module.split(".")}
            self._known[folder] = {*OURS, COMMAND, *modules}.union(*(file.identifiers for file in inside))
        return self._known[folder]

    def children(self, package: SourceFile) -> set[str]:
        """The modules and packages directly in a package, and what the package itself defines or imports."""
        own = [module.split(".") for module in self.modules if module.startswith(f"{package.module}.")]
        return {*OURS, COMMAND, *package.definitions, *(parts[package.module.count(".") + 1] for parts in own)}


def _is_in(module: SourceFile, names: list[str]) -> bool:
    return not names or (names[0] in module.definitions and module.identifiers.issuperset(names[1:]))


def _search_folder(file: SourceFile) -> str:
    """The folder in which short names are searched: the service's folder; for other files, the whole checkout."""
    return "/".join((*file.parts[:2], "")) if file.parts[0] == "services" and len(file.parts) > 2 else ""


def _texts(files: list[SourceFile]) -> Iterator[SourceFile]:
    return (file for file in files if file.path != MADE_UP and not file.path.endswith(FOREIGN))


def paths_exist(files: list[SourceFile]) -> Iterator[Violation]:
    """A path from the root, a file name ending in .py or .md, and a folder in backticks must exist."""
    checkout = Checkout(files)
    for file in _texts(files):
        for number, line in enumerate(file.lines, start=1):
            # Code joins paths: ROOT / "docs" / "risk.md".
            for found in PATH.finditer(line.replace('" / "', "/")):
                if found.group() not in NOWHERE and not _path_exists(found, file, checkout):
                    remedy = "name a file or folder of the checkout, in full or by its last parts, and what is in it"
                    yield Violation(file.path, number, f"there is no {INSIDE.sub('::', found.group())}", remedy)


def _path_exists(found: re.Match[str], file: SourceFile, checkout: Checkout) -> bool:
    named, *inside = INSIDE.split(found.group())
    path = re.sub(r"^(?:\.\.?/)+|(?<!\.)\.$", "", named.rpartition(INSTALLED)[2])
    first, slash, _ = path.partition("/")
    is_folder = path.endswith("/") and f"`{named}`" in found.string
    if slash and first in TOPS:
        places = checkout.find(path)
    elif first and f"{first}/" not in checkout.ignored and (is_folder or path.endswith(NAMED)):
        places = checkout.find(path, within="" if path.endswith(".md") else _search_folder(file))
    else:
        return True
    return any(not path.endswith(".py") or checkout.paths[place].identifiers.issuperset(inside) for place in places)


def dotted_names_exist(files: list[SourceFile]) -> Iterator[Violation]:
    """A dotted name that begins with a package of the checkout must be a module, or a name defined in a module."""
    checkout = Checkout(files)
    for file in _texts(files):
        for number, line in enumerate(file.lines, start=1):
            names = [found.group() for found in DOTTED.finditer(line)]
            names += [
                f"{module}.{name}" for module, imported in IMPORTED.findall(line) for name in imported.split(", ")
            ]
            for name in names:
                if not (name in NOWHERE or checkout.defines(name) or _is_variable(name, file)):
                    remedy = "give the full name of a module or of what it defines"
                    yield Violation(file.path, number, f"there is no {name}", remedy)


def _is_variable(name: str, file: SourceFile) -> bool:
    """Whether code binds the first part of a name to a variable."""
    first = re.split("[.:]", name)[0]
    nodes = ast.walk(file.tree) if file.is_python else ()
    return any(
        (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == first)
        or (isinstance(node, ast.arg) and node.arg == first)
        for node in nodes
    )


def backticked_names_exist(files: list[SourceFile]) -> Iterator[Violation]:
    """A lower-case name in backticks in a docstring or comment must be a module or an identifier in code.

    In the docstring of a package, it must be a module or package directly in that package, or a name that the package
    defines or imports. In other docstrings of a service, it may be any name in the code of that service. Outside
    services it may be any name in the checkout.
    """
    checkout = Checkout(files)
    for file in filter(lambda file: file.is_python, _texts(files)):
        for number, comment in file.comments.items():
            for found in SPAN.finditer(comment):
                if not _word_exists(found[1], file, checkout, checkout.known(_search_folder(file))):
                    yield Violation(
                        file.path, number, f"nothing in this code is called {found[1]}", "use a name that exists"
                    )
        for node, text in file.docstrings.items():
            number = node.lineno
            is_guide = number == 1 and file.path.endswith("/__init__.py")
            known = checkout.children(file) if is_guide else checkout.known(_search_folder(file))
            for found in SPAN.finditer(text):
                if not _word_exists(found[1], file, checkout, known):
                    line = number + text.count("\n", 0, found.start())
                    where = f"directly in {file.module}" if is_guide else "in this code"
                    remedy = "name a module or an identifier of the code; write other words without backticks"
                    yield Violation(file.path, line, f"nothing {where} is called {found[1]}", remedy)


def _word_exists(word: str, file: SourceFile, checkout: Checkout, known: set[str]) -> bool:
    if WORD.fullmatch(word):
        return word in known or ("*" in word and any(fnmatchcase(name, word) for name in known))
    first = word.partition(".")[0]
    is_short = RELATIVE.fullmatch(word) and not word.endswith(NAMED) and not checkout.find(word, within="")
    if not is_short or first in {*OURS, *file.identifiers, *sys.stdlib_module_names}:
        return True
    return checkout.defines_below(_search_folder(file), word)


def exceptions_exist(files: list[SourceFile]) -> Iterator[Violation]:
    """An exception that a docstring names below "Raises:" must exist in code."""
    checkout = Checkout(files)
    for file in filter(lambda file: file.is_python, _texts(files)):
        for node, text in file.docstrings.items():
            for section in RAISES.finditer(text):
                line = node.lineno + text.count("\n", 0, section.start())
                for raised in {*RAISED.findall(section[1])} - checkout.known("") - {*dir(builtins)}:
                    yield Violation(file.path, line, f"nothing is called {raised}", "use the exception's name in code")


def classes_exist(files: list[SourceFile]) -> Iterator[Violation]:
    """A CamelCase name in backticks on a page, in a comment or in a docstring must be an identifier in code."""
    checkout = Checkout(files)
    for file in _texts(files):
        for number, line in enumerate(file.lines, start=1):
            for found in SPAN.finditer(line):
                named = CAMEL.fullmatch(found[1])
                if named and named[1] not in checkout.known(""):
                    yield Violation(file.path, number, f"nothing is called {named[1]}", "use its current name in code")


def links_have_targets(files: list[SourceFile]) -> Iterator[Violation]:
    """The target of a link on a page must exist: a file or folder of the checkout, and a heading of that file."""
    checkout = Checkout(files)
    for file in files:
        for number, line in enumerate(file.lines if file.path.endswith(".md") else (), start=1):
            for found in LINK.finditer(line):
                target, _, heading = found[1].partition("#")
                path = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), target)) if target else file.path
                if path not in checkout.paths and path not in checkout.folders:
                    yield Violation(file.path, number, f"there is no {path}", "link a file or folder of the checkout")
                elif heading and (path in checkout.folders or heading not in _headings(checkout.paths[path])):
                    yield Violation(
                        file.path, number, f"{path} has no heading #{heading}", "link a heading that exists"
                    )


def _headings(page: SourceFile) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them: of two equal anchors, the second ends in -1."""
    text = re.sub(r"^```.*?^```", "", page.text, flags=re.MULTILINE | re.DOTALL)
    anchors: list[str] = []
    for heading in re.findall(r"^#+ +(.*?) *$", text, flags=re.MULTILINE):
        anchors.append(re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-"))
    return {*anchors, *(f"{anchor}-{number}" for anchor in anchors for number in range(1, anchors.count(anchor)))}
