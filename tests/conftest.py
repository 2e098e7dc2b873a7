"""Setup of all tests: the project's own pytest hooks, hypothesis with fixed seeds, and desks without a page."""

import os
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

# The result of a run must be the same on every machine. So examples depend only on the test, and a slow example does
# not fail.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci")

# Each process costs a desk time on a machine that runs many desks. So the desk of a test has a web page only if the
# test gives the page a port.
os.environ["WEB_PORT"] = "0"

# A shell starts background jobs with SIGINT ignored, and child processes inherit this. A test that interrupts a process
# would then wait forever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
