"""Margin rules: affordable orders, the margin level of a stop-out, and the position that a stop-out closes first."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.mt5.core.simulated.margin import first_to_close, is_affordable, is_under_level

D = Decimal


@pytest.mark.parametrize(
    ("equity", "before", "after", "affordable"),
    [
        ("1000", "0", "1000", True),
        ("1000", "0", "1000.01", False),
        ("1000", "2000", "1999", True),
        ("1000", "2000", "2000", True),
        ("-1", "0", "0", True),
    ],
)
def test_an_order_is_affordable_if_equity_covers_the_margin_or_the_margin_does_not_rise(
    equity: str, before: str, after: str, affordable: bool
) -> None:
    assert is_affordable(equity=D(equity), margin_after=D(after), margin_before=lambda: D(before)) is affordable


def test_a_stop_out_needs_a_margin_level_below_the_stop_out_level() -> None:
    assert not is_under_level(equity=D(500), margin=D(1000), level_pct=D(50))
    assert is_under_level(equity=D("499.99"), margin=D(1000), level_pct=D(50))
    assert not is_under_level(equity=D("499.99"), margin=D(1000), level_pct=None)
    assert not is_under_level(equity=D(-1), margin=D(0), level_pct=D(50))


def test_the_largest_loss_is_closed_first_and_among_equal_losses_the_lowest_ticket() -> None:
    assert first_to_close({1: D(-5), 2: D(-50), 3: D(20)}) == 2
    assert first_to_close({7: D(-5), 3: D(-5), 9: D(1)}) == 3
    assert first_to_close({}) is None
