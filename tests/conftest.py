"""What every test runs under: pytest's hooks of our own, and hypothesis with fixed seeds."""

import signal

from hypothesis import HealthCheck, settings

from tests.support.require_all import pytest_make_collect_report, pytest_runtest_makereport
from tests.support.shared_data import pytest_collection_modifyitems, pytest_generate_tests

__all__ = [
    "pytest_collection_modifyitems",
    "pytest_generate_tests",
    "pytest_make_collect_report",
    "pytest_runtest_makereport",
]

# A run gives the same verdict on every machine: the examples derive from the test alone, and how long one takes on a
# busy host is no reason to fail.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci")

# A shell starts background jobs with SIGINT ignored, and ignored it stays in whatever they start: tests that interrupt
# a process would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
