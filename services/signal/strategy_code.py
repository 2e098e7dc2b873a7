"""Digests of the code of strategies that do not come with the desk.

The digest covers the strategy's module and the modules that it imports from its own folder, and those that these
import. The files are read and not imported. Imports by `importlib` are not found. The desk's own code has no digest.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path
from typing import Final

from common.project_root import CODE_PACKAGES, DESK_ROOT, PROJECT_ROOT
from common.toml_files import digest_of

_ENDINGS: Final = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES)
"""Endings of modules' files, in the order in which an import looks for them."""

_LIBRARIES: Final = ("site-packages", "dist-packages")
"""Folders of installed packages: there a strategy's own code is its package, and not what is beside it."""


def strategy_codes(names: Iterable[str]) -> str:
    """The digests of strategies as `NAME=DIGEST`, separated by commas; empty if all of them come with the desk.

    Args:
        names: names of strategies, in order. A strategy whose module cannot be found has no digest.
    """
    digests = {name: _digest(name.partition(":")[0]) for name in dict.fromkeys(names) if ":" in name}
    return ",".join(f"{name}={digest}" for name, digest in digests.items() if digest)


def code_files(module: str) -> dict[str, Path]:
    """The files of a module's own code by name of the module, without those of the desk; empty if it is not found."""
    root = _root(module.partition(".")[0])
    found: dict[str, Path] = {}
    if root is None:
        return found
    is_library = root.name in _LIBRARIES
    waiting, seen = [module], set()
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        is_foreign = is_library and top != module.partition(".")[0]
        if name in seen or is_foreign or (root == PROJECT_ROOT and top in CODE_PACKAGES):
            continue
        seen.add(name)
        for part, path in _located(root, name):
            if part not in found:
                found[part] = path
                waiting += _imports(part, path)
    return found


def _digest(module: str) -> str:
    files = code_files(module)
    lines = (f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for name, path in sorted(files.items()))
    return digest_of("".join(lines).encode()) if files else ""


def _root(top: str) -> Path | None:
    """The folder in which a module without a package, or a package, is found by its name."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return DESK_ROOT if next(_located(DESK_ROOT, top), None) else None
    places = list(spec.submodule_search_locations or ()) or ([spec.origin] if spec.has_location and spec.origin else [])
    return Path(places[0]).resolve().parent if places else None


def _located(root: Path, name: str) -> Iterator[tuple[str, Path]]:
    """The files of a module and of the packages around it, as far as they exist below `root`."""
    folder = root
    parts = name.split(".")
    for depth, part in enumerate(parts, start=1):
        if not part:
            return
        inner = ".".join(parts[:depth])
        package = folder / part / "__init__.py"
        file = next((path for ending in _ENDINGS if (path := folder / f"{part}{ending}").is_file()), None)
        if package.is_file():
            yield inner, package
        elif file is not None:
            yield inner, file
            return
        folder = folder / part


def _imports(module: str, path: Path) -> list[str]:
    """The modules that a file's statements import, and that it may import as names of a package."""
    if path.suffix not in SOURCE_SUFFIXES:
        return []
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return []
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            outer = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join(filter(None, [*outer, node.module or ""]))
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return found
