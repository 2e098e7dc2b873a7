"""The files of this checkout violate no rule."""

import pytest

from tests.tidy.rules import RULES, Rule
from tests.tidy.source import SourceFile, checkout


@pytest.fixture(scope="module")
def files() -> list[SourceFile]:
    """All files of the checkout, read once."""
    return checkout()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_checkout_keeps_the_rule(rule: Rule, files: list[SourceFile]) -> None:
    broken = [str(violation) for violation in rule(files)]
    if broken:
        pytest.fail("\n".join([rule.__doc__ or "", *broken]), pytrace=False)


def test_rules_see_the_files_of_the_checkout(files: list[SourceFile]) -> None:
    """If no file were found, every rule would pass."""
    paths = {file.path for file in files}
    assert {"pyproject.toml", "Makefile", "tests/tidy/test_house_rules.py"} <= paths
