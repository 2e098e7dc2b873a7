"""With REQUIRE_ALL=1, a test that is skipped fails with the reason of the skip.

On a development machine, a test may be skipped if a requirement is missing, such as a Docker daemon. Where all tests
must run, a skip would hide that a feature was not tested. Expected failures are not skips and are not changed.
`tests/conftest.py` registers these hooks with pytest.
"""

import os
from collections.abc import Generator

import pytest

VARIABLE = "REQUIRE_ALL"


def all_are_required() -> bool:
    """Whether the environment requires every test to run."""
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
    """Turn a skip into a failure, after pytest has decided about skips and expected failures."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole module, decided at collection, into a failure."""
    report = yield
    _fail_if_skipped(report)
    return report
