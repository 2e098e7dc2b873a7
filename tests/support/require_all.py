"""With REQUIRE_ALL=1 a test that cannot run is a failure that gives the reason of the skip.

On a desk a test may skip what it cannot have there, a Docker daemon say. Where the whole suite is meant to run, a
skip hides what was never tested. Expected failures are not skips and stay as they are. `tests/conftest.py` brings
these hooks into pytest.
"""

import os
from collections.abc import Generator

import pytest

VARIABLE = "REQUIRE_ALL"


def all_are_required() -> bool:
    """Whether the environment asks for every test to run."""
    return os.environ.get(VARIABLE) == "1"


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome != "skipped" or hasattr(report, "wasxfail") or not all_are_required():
        return
    # pytest describes a skip as (file, line, "Skipped: reason").
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{VARIABLE}=1 and this did not run: {reason}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge a test's report after pytest has made up its mind about skips and expected failures."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge a module that skipped itself while it was collected."""
    report = yield
    _fail_if_skipped(report)
    return report
