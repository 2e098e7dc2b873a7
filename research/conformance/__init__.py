"""One suite of checks for every venue, over the wire: what a gateway does with orders, fills, cancels, refusals, history, a restart.

`registry` has what a check is, `orders_*` and their neighbours the checks, `desk` the client that they share, `suite` runs them on an
account that it finds flat and leaves flat.
"""

from research.conformance.desk import Desk as Desk
from research.conformance.registry import Check as Check
from research.conformance.registry import Outcome as Outcome
from research.conformance.registry import Result as Result
from research.conformance.suite import CHECKS as CHECKS
from research.conformance.suite import Refused as Refused
from research.conformance.suite import run_suite as run_suite
