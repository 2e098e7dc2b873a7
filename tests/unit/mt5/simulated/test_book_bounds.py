"""Bounds of single states of the simulated account: which ticks are outside, and that no more are."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from msgspec import structs

from marketdata.tick_bounds import NEVER_NS, TickBounds
from proto.time import HOUR_NS
from proto.trading.enums import AccountMode
from proto.trading.server_time import next_day_ns
from services.mt5.core.simulated.fill_model import IDEAL, REALISTIC
from services.mt5.core.simulated.latency_model import ConstantLatency
from tests.unit.mt5.builders import SECOND_NS, START_NS
from tests.unit.mt5.simulated.broker_by_hand import DAY, GTD, IOC, Dealing

LATE = structs.replace(
    IDEAL, name="late", request_latency=ConstantLatency(ms=10_000.0), reply_latency=ConstantLatency(ms=90_000.0)
)
CHARGED = structs.replace(IDEAL, name="charged", charges=True)
STOP_OUT = structs.replace(REALISTIC, name="stop-out", charges=False, request_latency=IDEAL.request_latency,
                           reply_latency=IDEAL.reply_latency, slippage=None, depth=None)  # fmt: skip


def bounds_of(desk: Dealing) -> TickBounds:
    bounds = TickBounds(desk.stream.symbols)
    desk.venue.add_bounds(bounds)
    return bounds


def quotes_of(bounds: TickBounds) -> list[float]:
    """Low and high of the bid, then of the ask, of the only symbol."""
    return [float(side[0]) for side in (bounds.bid_low, bounds.bid_high, bounds.ask_low, bounds.ask_high)]


def test_no_tick_concerns_a_quiet_account() -> None:
    desk = Dealing(1.1, 1.2)
    desk.buy()
    bounds = bounds_of(desk)
    assert (bounds.any_ns, bounds.tick_ns.tolist()) == (NEVER_NS, [NEVER_NS])
    assert not np.isfinite(quotes_of(bounds)).any()


def test_prices_of_orders_and_stops_bound_the_touch_at_which_they_are_executed() -> None:
    desk = Dealing(1.1, 1.1, mode=AccountMode.HEDGING)
    desk.buy(stop_loss="1.0950", take_profit="1.1080")
    assert quotes_of(bounds_of(desk)) == pytest.approx([1.0950, 1.1080, -np.inf, np.inf])
    desk.sell(stop_loss="1.1070", take_profit="1.0920")
    assert quotes_of(bounds_of(desk)) == pytest.approx([1.0950, 1.1080, 1.0920, 1.1070])
    desk.sell_stop("1.0980")
    desk.sell_limit("1.1050")
    desk.buy_limit("1.0930")
    desk.buy_stop("1.1060")
    bounds = bounds_of(desk)
    assert quotes_of(bounds) == pytest.approx([1.0980, 1.1050, 1.0930, 1.1060])
    assert (bounds.any_ns, bounds.tick_ns.tolist()) == (NEVER_NS, [NEVER_NS])


def test_an_order_expires_at_its_time_or_with_the_day() -> None:
    desk = Dealing(1.1, 1.1)
    desk.buy_limit("1.09", time_in_force=DAY)
    assert bounds_of(desk).any_ns == next_day_ns(START_NS)
    desk.buy_limit("1.09", time_in_force=GTD, expires_ns=START_NS + HOUR_NS)
    assert bounds_of(desk).any_ns == START_NS + HOUR_NS


def test_the_next_report_counts_and_not_the_last() -> None:
    """Orders that arrive after 10 s and are reported after 90 s more, at ticks a second apart."""
    desk = Dealing(*[1.1] * 130, profile=LATE)
    desk.buy(time_in_force=IOC)
    assert bounds_of(desk).any_ns == START_NS + 10 * SECOND_NS
    desk.to(6)
    desk.buy(time_in_force=IOC)
    desk.to(16)
    assert bounds_of(desk).any_ns == START_NS + 100 * SECOND_NS
    desk.to(101)
    assert bounds_of(desk).any_ns == START_NS + 105 * SECOND_NS
    desk.to(106)
    assert bounds_of(desk).any_ns == NEVER_NS


def test_the_swap_of_a_position_is_due_with_the_next_day() -> None:
    desk = Dealing(1.1, 1.1, profile=CHARGED)
    desk.buy()
    bounds = bounds_of(desk)
    assert (bounds.any_ns, bounds.tick_ns.tolist()) == (next_day_ns(START_NS), [NEVER_NS])


def test_a_held_order_has_every_tick() -> None:
    desk = Dealing(1.1, 1.1)
    desk.buy(held=True)
    bounds = bounds_of(desk)
    assert (bounds.any_ns, bounds.visited_parts) == (0, {"held orders"})


@pytest.mark.parametrize(
    ("deposit", "least_pct", "most_pct"), [(10_000, 4.9, 5.1), (2_000, 0.5, 1.4), (1_200, 0.1, 0.6)]
)
def test_quotes_may_move_the_further_the_larger_the_equity_is(deposit: int, least_pct: float, most_pct: float) -> None:
    """1 lot of EURUSD at 1.1: margin 1,100, stop-out below an equity of 550, a loss of 1 % is 1,100."""
    desk = Dealing(1.1, 1.1, profile=STOP_OUT, deposit=deposit)
    desk.buy("1")
    bounds = bounds_of(desk)
    low, high, _, _ = quotes_of(bounds)
    assert least_pct < (1 - low / 1.1) * 100 < most_pct
    assert least_pct < (high / 1.1 - 1) * 100 < most_pct
    assert (bounds.any_ns, bounds.tick_ns.tolist()) == (NEVER_NS, [NEVER_NS])


def test_every_tick_is_outside_while_a_stop_out_cannot_close_a_position() -> None:
    """The stop-out level is reached by a withdrawal; the venue processes it at the next tick."""
    desk = Dealing(1.1, 1.1, profile=STOP_OUT, deposit=2_000)
    desk.buy("1")
    desk.venue.move_cash(Decimal(-1_600), "withdrawal")
    assert bounds_of(desk).any_ns == 0
