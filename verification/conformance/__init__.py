"""One suite of checks for every venue, over the wire: what a gateway does with orders, fills, cancels, refusals, history, a restart.

`registry` has what a check is, `check_*` the checks, `client` the client that they share, `suite` runs them on an
account that it finds flat and leaves flat.
"""

from verification.conformance.client import ConformanceClient as ConformanceClient
from verification.conformance.registry import Check as Check
from verification.conformance.registry import CheckOutcome as CheckOutcome
from verification.conformance.registry import CheckResult as CheckResult
from verification.conformance.suite import CHECKS as CHECKS
from verification.conformance.suite import UnfitAccountError as UnfitAccountError
from verification.conformance.suite import run_suite as run_suite
