"""Free margin and margin level equal results that are computed by hand."""

from __future__ import annotations

from decimal import Decimal

from proto.trading.margin import free_margin, margin_level_pct

D = Decimal


def test_free_margin_is_equity_less_margin() -> None:
    assert free_margin(equity=D("10000"), margin=D("1085.20")) == D("8914.80")
    assert free_margin(equity=D("500"), margin=D("1000")) == D(-500)


def test_the_margin_level_is_equity_in_percent_of_margin() -> None:
    assert margin_level_pct(equity=D("10000"), margin=D("1085.20")) == D("921.49")
    assert margin_level_pct(equity=D(-5), margin=D(10)) == D(-50)
    assert margin_level_pct(equity=D("10000"), margin=D(0)) is None
