"""A new strategy in the folder of a desk: a copy of the desk's first strategy, and of its tests, under another name."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path
from typing import Final, NamedTuple

from common.errors import StartError
from common.project_root import CODE_PACKAGES
from orchestration.desk_folder import TEMPLATES

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,49}")
_WORD: Final = re.compile(r"Breakout|\bbreakout\b|\bstrategy(?=:Breakout)|\btest_strategy\b")


class NewStrategy(NamedTuple):
    """A strategy that was made: its files, and its name for the settings."""

    module: Path
    tests: Path
    name: str


def make_strategy(name: str, folder: Path) -> NewStrategy:
    """Write the module NAME and its tests into the folder of a desk; no file is replaced.

    Args:
        name: name of the strategy and its module, in lower case.
        folder: the desk's folder.

    Raises:
        StartError: the name cannot be used, a file of this name exists, or the folder cannot be written.
    """
    if _NAME.fullmatch(name) is None or keyword.iskeyword(name):
        raise StartError(
            f"NAME is {name!r}, expected lower-case letters, digits and underscores, such as mean_reversion"
        )
    class_name = "".join(part.capitalize() for part in name.split("_"))
    module, tests = folder / f"{name}.py", folder / f"test_{name}.py"
    for path in (module, tests):
        if path.exists():
            raise StartError(f"{path} exists, expected another name")
    if name in CODE_PACKAGES or importlib.util.find_spec(name) is not None:
        raise StartError(
            f"NAME is {name!r}, expected another name: there is a module {name} that would be imported instead"
        )
    words = {"Breakout": class_name, "breakout": name, "strategy": name, "test_strategy": f"test_{name}"}
    try:
        for path, template in ((module, "strategy.py"), (tests, "test_strategy.py")):
            text = (TEMPLATES / template).read_text(encoding="utf-8")
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(_WORD.sub(lambda found: words[found[0]], text), encoding="utf-8")
    except OSError as error:
        raise StartError(f"{folder} cannot be written: {error.strerror}; expected a writable folder") from None
    return NewStrategy(module, tests, f"{name}:{class_name}")
