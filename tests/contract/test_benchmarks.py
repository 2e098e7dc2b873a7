"""The benchmark's wrapper of the gateway replaces methods that the gateway has."""

from __future__ import annotations

from services.mt5.core.gateway.gateway import Gateway
from tests.benchmarks.chain import TimedGateway


def test_a_timed_gateway_replaces_methods_of_a_gateway() -> None:
    replaced = {name for name in vars(TimedGateway) if not name.startswith("_")}
    assert replaced == {"on_timer", "handle"}
    assert replaced <= set(vars(Gateway))
