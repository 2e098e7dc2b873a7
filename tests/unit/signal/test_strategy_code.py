"""The digest of a strategy's code changes with each file that it imports from its own folder, and with no other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.project_root import CODE_PACKAGES
from services.signal.strategy_code import code_files, strategy_codes
from tests.tidy.layers import OURS

MODULES = {
    "rule_x": """
import json
import helpers_x
from pack_x import one
from pack_x.inner import two
import numpy
import services.signal.core.strategy
""",
    "helpers_x": "def f():\n    from deep_x import g\n",
    "deep_x": "import helpers_x\n",
    "unused_x": "1",
    "pack_x": "from . import beside\nVALUE = 1\n",
    "pack_x.beside": "",
    "pack_x.one": "from .two_x import x\n",
    "pack_x.two_x": "from ..pack_x import VALUE\n",
    "pack_x.unused": "",
    "pack_x.inner": "",
    "pack_x.inner.two": "this is no Python",
}
PACKAGES = ("pack_x", "pack_x.inner", "bought_x")
OF_THE_RULE = MODULES.keys() - {"unused_x", "pack_x.unused"}


def write_module(folder: Path, name: str, text: str) -> Path:
    """Write a module, or the first file of one of PACKAGES, and return the path."""
    parts = name.split(".") + ["__init__"] * (name in PACKAGES)
    path = folder.joinpath(*parts).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a strategy and its modules, from which they can be imported."""
    for name, text in MODULES.items():
        write_module(tmp_path, name, text)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    assert not {"rule_x", "helpers_x", "pack_x"} & set(sys.modules), "the files are read and not imported"


def digest() -> str:
    """The digest of the strategy of the folder."""
    name, _, found = strategy_codes(["rule_x:Rule"]).rpartition("=")
    assert name == "rule_x:Rule"
    return found


def test_the_modules_that_a_strategy_imports_from_its_folder_are_its_code(folder: Path) -> None:
    files = code_files("rule_x")
    assert files.keys() == OF_THE_RULE
    assert {name: path.read_text() for name, path in files.items()} == {name: MODULES[name] for name in OF_THE_RULE}
    assert all(path.is_relative_to(folder) for path in files.values())


@pytest.mark.parametrize("name", MODULES)
def test_the_digest_depends_on_these_modules_and_on_no_other(folder: Path, name: str) -> None:
    before = digest()
    assert before.startswith("sha256-")
    write_module(folder, name, MODULES[name] + "\n# changed\n")
    assert (digest() == before) == (name not in OF_THE_RULE)


def test_the_digest_does_not_depend_on_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    moved = folder.rename(folder.with_name("moved"))
    monkeypatch.setattr(sys, "path", [str(moved) if part == str(folder) else part for part in sys.path])
    assert digest() == before


def test_a_strategy_in_a_package_has_the_packages_around_it_in_its_code(folder: Path) -> None:
    write_module(folder, "pack_x.inner.rule", "from .. import one\n")
    assert set(code_files("pack_x.inner.rule")) == {
        "pack_x",
        "pack_x.beside",
        "pack_x.inner",
        "pack_x.inner.rule",
        "pack_x.one",
        "pack_x.two_x",
    }


def test_of_an_installed_strategy_only_its_own_package_is_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "site-packages"
    write_module(place, "bought_x", "import library_x\nfrom bought_x import rule\n")
    write_module(place, "bought_x.rule", "")
    write_module(place, "library_x", "")
    monkeypatch.syspath_prepend(place)
    assert set(code_files("bought_x.rule")) == {"bought_x", "bought_x.rule"}


def test_the_desks_own_code_has_no_digest() -> None:
    names = ["ema_cross", "xgboost", "services.signal.core.strategies.ema_cross:EmaCross"]
    assert strategy_codes([*names, "tests.support.flipping:Flipping"]) == ""
    assert CODE_PACKAGES == OURS


def test_a_strategy_that_cannot_be_found_has_no_digest() -> None:
    assert strategy_codes(["no_such_module_x:Rule", "sys:Rule"]) == ""


def test_each_strategy_has_its_digest_once(folder: Path) -> None:
    names = ["helpers_x:B", "ema_cross", "rule_x:A", "helpers_x:B"]
    one, other = strategy_codes(names).split(",")
    assert one.startswith("helpers_x:B=sha256-")
    assert other == f"rule_x:A={digest()}"
