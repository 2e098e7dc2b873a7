"""A benchmark's subclass of the gateway overrides methods that the gateway has."""

from __future__ import annotations

from services.mt5.core.gateway.gateway import Gateway
from tests.benchmarks.chain import TimedGateway


def test_a_timed_gateway_overrides_methods_of_a_gateway() -> None:
    overridden = {name for name in vars(TimedGateway) if not name.startswith("_")}
    assert overridden == {"on_timer", "handle"}
    assert overridden <= set(vars(Gateway))
