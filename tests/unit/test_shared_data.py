"""Tests of recorded quotes run once for each recording, and are deselected if there is no recording."""

from pathlib import Path

import pytest

from tests.support import shared_data

A_SUITE = """
def test_over_a_recording(shared_parquet):
    assert shared_parquet.suffix == ".parquet"

def test_of_something_else():
    pass
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A suite with the project's hooks and REQUIRE_ALL=1, whose recordings are in its own folder."""
    monkeypatch.setenv("REQUIRE_ALL", "1")
    monkeypatch.setattr(shared_data, "SHARED_DATA", pytester.path / "recordings")
    pytester.makeini("[pytest]\nmarkers = needs_data: reads recordings\naddopts = --strict-markers")
    pytester.makeconftest(
        "from tests.support.require_all import pytest_make_collect_report, pytest_runtest_makereport\n"
        "from tests.support.shared_data import pytest_collection_modifyitems, pytest_generate_tests\n"
    )
    pytester.makepyfile(A_SUITE)
    return pytester


def record(suite: pytest.Pytester, name: str) -> None:
    """Add an empty recording to the suite's folder."""
    folder: Path = suite.path / "recordings"
    folder.mkdir(exist_ok=True)
    (folder / name).touch()


def test_a_test_runs_once_for_each_recording(suite: pytest.Pytester) -> None:
    record(suite, "eurusd.parquet")
    record(suite, "nzdusd.parquet")
    record(suite, "README.md")
    result = suite.runpytest_inprocess("-v")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*test_over_a_recording?eurusd?*", "*test_over_a_recording?nzdusd?*"])


def test_a_test_over_recordings_is_deselected_and_not_skipped_when_there_are_none(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess()
    result.assert_outcomes(passed=1, deselected=1)
    assert result.ret == pytest.ExitCode.OK


def test_tests_over_recordings_have_the_mark_needs_data(suite: pytest.Pytester) -> None:
    record(suite, "eurusd.parquet")
    suite.runpytest_inprocess("-m", "needs_data").assert_outcomes(passed=1, deselected=1)


def test_the_recordings_are_looked_for_beside_the_checkout() -> None:
    assert (shared_data.ROOT / "pyproject.toml").is_file()
    assert shared_data.ROOT.parent / "shared" / "data" == shared_data.SHARED_DATA
