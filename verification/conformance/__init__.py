"""Checks that every venue must pass, made through the gateway's protocol: orders, refusals, history, and a restart.

`registry` defines a check, the modules `check_*` have the checks, `client` is their client of the gateway, and `suite`
runs them and closes the positions of the traded symbol after each check.
"""

from verification.conformance.client import ConformanceClient as ConformanceClient
from verification.conformance.registry import Check as Check
from verification.conformance.registry import CheckOutcome as CheckOutcome
from verification.conformance.registry import CheckResult as CheckResult
from verification.conformance.suite import CHECKS as CHECKS
from verification.conformance.suite import UnfitAccountError as UnfitAccountError
from verification.conformance.suite import run_suite as run_suite
