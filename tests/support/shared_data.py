"""Tests with recorded quotes, which may be in `../shared/data` next to the checkout.

A test with the argument `shared_parquet` runs once for each recording and is marked `needs_data`. The same applies to a
test that is parametrized over `available_recordings`. Without recordings these tests are deselected, not skipped. The
recordings are not part of the project, so a run that requires every test (REQUIRE_ALL=1) is complete without them.
`tests/conftest.py` registers these hooks with pytest.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

ROOT = Path(__file__).resolve().parents[2]
SHARED_DATA = ROOT.parent / "shared" / "data"
ARGUMENT = "shared_parquet"


def shared_parquet_files() -> list[Path]:
    """The Parquet recordings in the folder, sorted by name; may be empty."""
    return sorted(SHARED_DATA.glob("*.parquet"))


def available_recordings(cases: Mapping[str, tuple[str, ...]]) -> list[ParameterSet]:
    """Parameters of a test over recordings: each existing path with its values; a single None if no path exists."""
    # With an empty list pytest would skip the test. A test with the parameter None is deselected below.
    there = {path: rest for path, rest in cases.items() if (SHARED_DATA / path.partition(":")[0]).exists()}
    present = [pytest.param((path, rest), id=path, marks=pytest.mark.needs_data) for path, rest in there.items()]
    return present or [pytest.param(None, id="absent", marks=pytest.mark.needs_data)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that has the argument `shared_parquet` once for each recording."""
    if ARGUMENT not in metafunc.fixturenames:
        return
    paths: list[Path | None] = [*shared_parquet_files()] or [None]
    metafunc.parametrize(
        ARGUMENT,
        [pytest.param(path, id=path.stem if path else "absent", marks=pytest.mark.needs_data) for path in paths],
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests without recordings."""
    absent = [item for item in items if _lacks_recordings(item)]
    if absent:
        config.hook.pytest_deselected(items=absent)
        items[:] = [item for item in items if not _lacks_recordings(item)]


def _lacks_recordings(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    return call is not None and item.get_closest_marker("needs_data") is not None and None in call.params.values()
