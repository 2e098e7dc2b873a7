"""docs/architecture.md lists layers and packages in the order of imports, and the functions of a tick's path."""

from __future__ import annotations

import ast
import re

import pytest

from common.project_root import PROJECT_ROOT
from tests.tidy.layers import LAYERS, PORTFOLIO

PAGE = (PROJECT_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
HOPS = re.findall(r"^\| \d+ \| `(services/[^`]+)` \| ([^|]+) \|", PAGE, re.MULTILINE)


def folders(heading: str) -> list[str]:
    """The folders in the first column of the table under a heading."""
    table = PAGE.split(heading)[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)/` \|", table, re.MULTILINE)


def test_the_layers_are_in_the_order_of_imports() -> None:
    assert tuple(folders("| folder | contents |")) == LAYERS


def test_the_packages_of_the_portfolio_core_are_in_the_order_of_imports() -> None:
    assert tuple(folders("| `services/portfolio/core/` | holds |")) == PORTFOLIO


@pytest.mark.parametrize("core", ["portfolio", "mt5"])
def test_the_page_lists_every_package_of_the_large_cores(core: str) -> None:
    there = {
        path.name for path in (PROJECT_ROOT / "services" / core / "core").iterdir() if (path / "__init__.py").exists()
    }
    assert set(folders(f"| `services/{core}/core/` | holds |")) == there


@pytest.mark.parametrize(("file", "functions"), HOPS)
def test_each_function_on_the_path_of_a_tick_is_in_its_file(file: str, functions: str) -> None:
    tree = ast.parse((PROJECT_ROOT / file).read_text(encoding="utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert set(re.findall(r"`(\w+)`", functions)) <= defined


def test_every_row_of_the_path_of_a_tick_is_checked() -> None:
    assert len(HOPS) == len(re.findall(r"^\| \d+ \|", PAGE, re.MULTILINE)) >= 20
