"""One suite of checks for every venue, over the wire: orders, fills, cancels, refusals, history, and a restart.

`registry` defines a check, `check_*` are the checks, `client` is the client that they share, `suite` runs them on an
account that is flat before and after.
"""

from verification.conformance.client import ConformanceClient as ConformanceClient
from verification.conformance.registry import Check as Check
from verification.conformance.registry import CheckOutcome as CheckOutcome
from verification.conformance.registry import CheckResult as CheckResult
from verification.conformance.suite import CHECKS as CHECKS
from verification.conformance.suite import UnfitAccountError as UnfitAccountError
from verification.conformance.suite import run_suite as run_suite
