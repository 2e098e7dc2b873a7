"""What stands in for a part of the desk in a benchmark has that part's methods: a name that is not there would time nothing."""

from __future__ import annotations

from services.mt5.core.gateway.gateway import Gateway
from tests.benchmarks.chain import TimedGateway


def test_a_timed_gateway_overrides_what_a_gateway_has() -> None:
    overridden = {name for name in vars(TimedGateway) if not name.startswith("_")}
    assert overridden == {"on_timer", "handle"}
    assert overridden <= set(vars(Gateway))
