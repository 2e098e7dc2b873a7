"""Each rule allows an order within its limit and denies one beyond it; no limit prevents a close."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from proto.control import TradingState
from proto.time import DAY_NS, HOUR_NS
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.server_time import server_day, server_ns, weekday
from services.portfolio.core.account.events import OrderCreated, TradingStateChanged
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, NO_LIMITS, Limits
from services.portfolio.core.risk.rules.drawdown import drawdown_levels
from services.portfolio.core.risk.state import Breaker, Peaks
from services.portfolio.core.risk.types import Denial
from tests.support.builders import START_NS, an_order
from tests.unit.portfolio.risk.scenes import (
    MINUTE_NS,
    NS,
    SERVER_MIDNIGHT_NS,
    D,
    an_account,
    an_order_for,
    code,
    denied,
    held,
    only,
)

# ----------------------------------------------------------------------------------------------------------- base rules


@pytest.mark.parametrize("lots", ["0.01", "0.29", "1.10", "99.99", "100", "1E+2"])
def test_volumes_on_the_venues_steps_pass(lots: str) -> None:
    assert code(an_order_for(lots), an_account(NO_LIMITS)) is None


@pytest.mark.parametrize("lots", ["0", "0.009", "0.005", "0.015", "100.01", "0.010001", "-0.01"])
def test_volumes_that_the_venue_would_refuse_are_denied(lots: str) -> None:
    assert code(an_order_for(lots), an_account(NO_LIMITS)) == "INVALID_VOLUME"


def test_a_denial_has_the_limit_and_the_observed_value() -> None:
    assert denied(an_order_for("0.015"), an_account(NO_LIMITS)) == Denial(
        "INVALID_VOLUME", "0.01 to 100 lots in steps of 0.01", "0.015 lots of EURUSD"
    )
    assert denied(an_order_for("1.01"), an_account()) == Denial("ORDER_VOLUME", "1 lots", "1.01 lots")


def test_an_order_whose_profit_has_no_conversion_rate_is_denied() -> None:
    account = an_account(NO_LIMITS)
    del account.cursor.marks["USDJPY"]
    assert code(an_order_for(symbol="USDJPY"), account) == "NO_CONVERSION_RATE"


def test_every_order_is_denied_while_the_ledger_is_not_writable() -> None:
    account = an_account(NO_LIMITS, storage_problem="disk full")
    assert denied(an_order_for(opening_volume=D(0)), account) == Denial(
        "STORAGE", "a ledger that can be written", "disk full"
    )


def test_a_trading_state_denies_the_orders_that_it_forbids() -> None:
    account = an_account(NO_LIMITS)
    for state, opening, closing in (
        (TradingState.REDUCE_ONLY, "REDUCE_ONLY", None),
        (TradingState.HALTED, "HALTED", "HALTED"),
    ):
        account.book.apply(TradingStateChanged(state=state, reason="news", by="person", time_ns=0))
        assert code(an_order_for(), account) == opening
        assert code(an_order_for(opening_volume=D(0)), account) == closing


# --------------------------------------------------------------------------------------------------------------- limits

LIMIT_CASES = [
    ("CONFIDENCE", only(confidence_min=D("0.9")), {"confidence": 0.9}, {"confidence": 0.89}, {}),
    ("ORDER_VOLUME", only(order_volume_max=D(1)), {"volume": D(1), "opening_volume": D(1)}, {"volume": D("1.01"),
     "opening_volume": D("1.01")}, {}),
    ("QUOTE_STALE", only(quote_age_ms_max=2_000), {}, {}, {"tick_age_ns": 2 * NS + 1}),
    ("PRICE_COLLAR", only(price_collar_fx_pct_max=D("0.5")), {"price": D("1.1054")}, {"price": D("1.1056")},
     {"latest_bid_ask": (1.1, 1.1)}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "limits", "within", "past", "changed"), LIMIT_CASES, ids=[row[0] for row in LIMIT_CASES]
)
def test_an_order_within_a_limit_is_allowed_and_one_past_it_is_denied(
    expected: str, limits: Limits, within: dict[str, Any], past: dict[str, Any], changed: dict[str, Any]
) -> None:
    fine = an_account(limits) if not within else an_account(limits, **changed)
    assert code(an_order_for(**within), fine) is None
    assert code(an_order_for(**past), an_account(limits, **changed)) == expected


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"type": OrderType.LIMIT}, None),
        ({"type": OrderType.STOP}, None),
        ({"type": OrderType.LIMIT, "time_in_force": TimeInForce.IOC}, "PRICE_COLLAR"),
        ({}, "PRICE_COLLAR"),
    ],
)
def test_a_pending_order_has_no_price_collar(terms: dict[str, Any], expected: str | None) -> None:
    """The decision's price is 0.55 % above the latest mid. Only an order that would be executed at once is denied."""
    account = an_account(only(price_collar_fx_pct_max=D("0.5")), latest_bid_ask=(1.1, 1.1))
    price = D("1.106") if terms.get("type") is OrderType.STOP else D("1.09")
    assert code(an_order_for(price=D("1.1061"), limit_price=price if terms else None, **terms), account) == expected


@pytest.mark.parametrize("floor", [f"0.{n}" for n in range(1, 10)])
def test_a_confidence_that_equals_the_limit_as_a_decimal_is_allowed(floor: str) -> None:
    """The float 0.7 is less than the decimal 0.7."""
    account = an_account(only(confidence_min=D(floor)))
    assert code(an_order_for(confidence=float(floor)), account) is None
    assert code(an_order_for(confidence=float(floor) - 1e-9), account) == "CONFIDENCE"


def test_gold_has_its_own_price_collar() -> None:
    limits = only(price_collar_fx_pct_max=D("0.5"), price_collar_other_pct_max=D(2))
    account = an_account(limits, latest_bid_ask=(2_000.0, 2_000.0))
    assert code(an_order_for(symbol="XAUUSD", price=D(2_040)), account) is None
    assert denied(an_order_for(symbol="XAUUSD", price=D(2_041)), account) == Denial(
        "PRICE_COLLAR", "2 % from 2000", "2.05 % away"
    )


@pytest.mark.parametrize(("points", "expected"), [(6, None), (7, "SPREAD")])
def test_a_spread_is_compared_with_its_running_median(points: int, expected: str | None) -> None:
    account = an_account(only(spread_factor_max=D(3)))
    account.cursor.marks["EURUSD"] = Mark(1.1, 1.1 + points * 1e-5, START_NS)
    assert code(an_order_for(), account) == expected


def test_a_median_spread_near_zero_counts_as_one_point() -> None:
    account = an_account(only(spread_factor_max=D(3)))
    account.risk_state.spread_medians["EURUSD"] = 0.0
    account.cursor.marks["EURUSD"] = Mark(1.1, 1.10003, START_NS)
    assert code(an_order_for(), account) is None
    account.cursor.marks["EURUSD"] = Mark(1.1, 1.10004, START_NS)
    assert denied(an_order_for(), account) == Denial("SPREAD", "3 times 1.0 points", "4.0 points")


@pytest.mark.parametrize(("hours", "hour", "expected"), [
    ("07:00-20:00", 7, None), ("07:00-20:00", 6, "TRADING_HOURS"), ("07:00-20:00", 20, "TRADING_HOURS"),
    ("22:00-06:00", 23, None), ("22:00-06:00", 5, None), ("22:00-06:00", 6, "TRADING_HOURS"),
])  # fmt: skip
def test_trading_hours_are_server_time_and_may_cross_midnight(hours: str, hour: int, expected: str | None) -> None:
    account = an_account(only(trading_hours=hours))
    assert code(an_order_for(), account, SERVER_MIDNIGHT_NS + hour * HOUR_NS) == expected


def test_nothing_is_opened_from_the_friday_close_to_the_servers_monday() -> None:
    account = an_account(only(friday_close="20:00"))
    friday_ns = SERVER_MIDNIGHT_NS
    while weekday(friday_ns) != 4:
        friday_ns += DAY_NS
    times = {friday_ns + 19 * HOUR_NS: None, friday_ns + 20 * HOUR_NS: "FRIDAY_CLOSE",
               friday_ns + 30 * HOUR_NS: "FRIDAY_CLOSE", friday_ns + 72 * HOUR_NS: None}  # fmt: skip
    assert {time_ns: code(an_order_for(), account, time_ns) for time_ns in times} == times


@pytest.mark.parametrize(
    ("minutes", "expected"), [(-5, None), (-4, "ROLLOVER"), (0, "ROLLOVER"), (4, "ROLLOVER"), (5, None)]
)
def test_nothing_is_opened_around_the_rollover(minutes: int, expected: str | None) -> None:
    account = an_account(only(rollover_pause_min=5))
    assert code(an_order_for(), account, SERVER_MIDNIGHT_NS + minutes * MINUTE_NS) == expected


def test_the_servers_day_ends_at_17_in_new_york_in_winter_and_in_summer() -> None:
    winter_ns, summer_ns = (
        1_767_650_400_000_000_000,
        1_783_285_200_000_000_000,
    )  # 2026-01-05 22:00, 2026-07-05 21:00 UTC
    for midnight_ns in (winter_ns, summer_ns):
        assert server_ns(midnight_ns) % DAY_NS == 0
        assert server_day(midnight_ns) == server_day(midnight_ns - 1) + 1


@pytest.mark.parametrize(("since", "equity", "expected"), [
    ("day_start", "9800.01", None), ("day_start", "9800", "DAILY_LOSS"), ("day_high", "9800", "DAILY_LOSS"),
])  # fmt: skip
def test_openings_are_denied_on_a_day_that_has_reached_its_loss_limit(
    since: str, equity: str, expected: str | None
) -> None:
    account = an_account(only(daily_loss_pct_max=D(2)))
    peaks = Peaks(day=server_day(START_NS), day_start=D(9_000), day_high=D(9_000), high=D(10_000), equity=D(equity))
    setattr(peaks, since, D(10_000))
    account.risk_state.peaks = peaks
    assert code(an_order_for(), account) == expected
    assert code(an_order_for(), account, START_NS + DAY_NS) is None, "allowed on the next day"


@pytest.mark.parametrize(("equity", "then"), [
    ("9500.01", None), ("9500", TradingState.REDUCE_ONLY), ("9300.01", TradingState.REDUCE_ONLY),
    ("9300", TradingState.HALTED),
])  # fmt: skip
def test_a_drawdown_of_5_percent_sets_reduce_only_and_one_of_7_percent_halts_trading(
    equity: str, then: TradingState | None
) -> None:
    account = an_account(only(drawdown_reduce_pct=D(5), drawdown_halt_pct=D(7)))
    account.risk_state.peaks = Peaks(high=D(10_000), equity=D(equity))
    denial = denied(an_order_for(), account)
    assert (None if denial is None else denial.escalate_to) is then


@pytest.mark.parametrize(
    ("peak", "pct", "level"),
    [
        ("10000", "5", "9500"),  # exactly 5 %
        ("10000.01", "5", "9500.00"),  # 9500.0095
        ("12345.67", "7.25", "11450.60"),  # 11450.608925
        ("0.03", "50", "0.01"),  # 0.015
    ],
)
def test_a_level_of_the_drawdown_is_the_highest_equity_that_reaches_it(peak: str, pct: str, level: str) -> None:
    account = an_account(only(drawdown_halt_pct=D(pct)))
    cent = D("0.01")
    account.risk_state.peaks = Peaks(high=D(peak), equity=D(level))
    assert drawdown_levels(account) == {"halt": D(level)}
    assert code(an_order_for(), account) == "DRAWDOWN"
    account.risk_state.peaks = Peaks(high=D(peak), equity=D(level) + cent)
    assert drawdown_levels(account) == {"halt": D(level)}, "whatever the equity is"
    assert code(an_order_for(), account) is None


@pytest.mark.parametrize("peaks", [Peaks(), Peaks(high=D(0), equity=D(0)), Peaks(high=D(5))])
def test_the_levels_of_the_drawdown_are_not_known_without_a_peak_and_an_equity(peaks: Peaks) -> None:
    account = an_account(only(drawdown_halt_pct=D(7)))
    account.risk_state.peaks = peaks
    assert drawdown_levels(account) == {}


def test_the_circuit_breaker_denies_only_its_symbol_until_the_end_of_the_pause() -> None:
    account = an_account(only(breaker_losses=3))
    account.risk_state.breakers["EURUSD"] = Breaker(until_ns=START_NS + NS, trips=1, trials_left=2)
    assert code(an_order_for(), account) == "CIRCUIT_BREAKER"
    assert code(an_order_for(symbol="GBPUSD"), account) is None
    assert code(an_order_for(), account, START_NS + NS) is None


def test_rejections_make_the_desk_reduce_only() -> None:
    account = an_account(only(rejects_per_minute_max=2))
    account.risk_state.reject_times_ns = [START_NS - MINUTE_NS, START_NS]
    assert code(an_order_for(), account) is None, "one reject is a minute old and does not count"
    account.risk_state.reject_times_ns = [START_NS - MINUTE_NS + 1, START_NS]
    assert denied(an_order_for(), account) == Denial("REJECTS", "fewer than 2 a minute", "2", TradingState.REDUCE_ONLY)


def test_too_many_consecutive_orders_in_one_direction_halt_the_desk() -> None:
    account = an_account(only(repeated_orders_max=20))
    account.risk_state.runs["EURUSD"] = 19
    assert code(an_order_for(), account) is None
    account.risk_state.runs["EURUSD"] = 20
    assert denied(an_order_for(), account) == Denial("REPEATED_ORDERS", "20 in a row", "21", TradingState.HALTED)
    assert code(an_order_for(direction=-1), account) is None
    assert code(an_order_for(symbol="GBPUSD"), account) is None


def test_orders_are_limited_by_symbol_minute_and_day() -> None:
    account = an_account(only(orders_per_second_max=1, orders_per_minute_max=3, orders_per_day_max=5))
    risk = account.risk_state
    risk.last_order_ns["EURUSD"] = START_NS - NS + 1
    assert denied(an_order_for(), account) == Denial("ORDER_RATE", "1 a second of a symbol", "1.000 s after the last")
    assert code(an_order_for(symbol="GBPUSD"), account) is None
    risk.last_order_ns["EURUSD"] = START_NS - NS
    assert code(an_order_for(), account) is None
    risk.order_times_ns = [START_NS - MINUTE_NS + 1] * 3
    assert denied(an_order_for(), account) == Denial("ORDER_RATE", "3 a minute", "4")
    risk.order_times_ns = []
    risk.order_day, risk.orders_of_day = server_day(START_NS), 5
    assert denied(an_order_for(), account) == Denial("ORDER_RATE", "5 a day", "6")
    assert code(an_order_for(), account, START_NS + DAY_NS) is None


# ------------------------------------------------------------------------------------------------------------- exposure


def test_an_order_is_limited_by_the_leveraged_equity() -> None:
    """The limit is 10 % of 100 x 10,000 USD, which is 100,000 USD or 90,900 EUR, a little less than 0.91 lots."""
    account = an_account(only(order_notional_pct_of_power_max=D(10)))
    assert code(an_order_for("0.90"), account) is None
    assert denied(an_order_for("0.91"), account) == Denial("ORDER_NOTIONAL", "10 % of 1000000 USD", "100101 USD")


def test_an_account_without_equity_opens_nothing() -> None:
    account = an_account(only(order_notional_pct_of_power_max=D(10)), balance="0")
    assert code(an_order_for(), account) == "ORDER_NOTIONAL"


def test_a_symbol_limit_includes_the_held_position() -> None:
    account = held(an_account(only(symbol_exposure_pct_of_power_max=D(20), position_legs_max=9)), "EURUSD", "1.5")
    assert code(an_order_for("0.31"), account) is None
    assert code(an_order_for("0.32"), account) == "SYMBOL_EXPOSURE"


def test_an_open_order_counts_as_filled_or_unfilled_whichever_exposure_is_larger() -> None:
    account = held(an_account(only(symbol_exposure_pct_of_power_max=D(20))), "EURUSD", "1.5")
    account.book.apply(OrderCreated(order=an_order(1, Side.SELL, "1.5")))
    assert code(an_order_for("0.32"), account) == "SYMBOL_EXPOSURE", "the open sell may remain unfilled"
    account = an_account(only(symbol_exposure_pct_of_power_max=D(20)))
    account.book.apply(OrderCreated(order=an_order(1, Side.BUY, "1.5")))
    assert code(an_order_for("0.32"), account) == "SYMBOL_EXPOSURE", "the open buy may be filled"


def test_gross_exposure_adds_up_all_symbols_without_sign() -> None:
    account = held(an_account(only(gross_exposure_pct_of_power_max=D(30))), "EURUSD", "-1")
    assert code(an_order_for("1.51", symbol="GBPUSD"), account) is None
    assert code(an_order_for("1.52", symbol="GBPUSD"), account) == "GROSS_EXPOSURE"


def test_currency_exposure_adds_up_over_symbols_with_sign() -> None:
    account = held(an_account(only(currency_exposure_pct_of_power_max=D(50))), "EURUSD", "3")
    denial = denied(an_order_for("2", symbol="GBPUSD"), account)
    assert denial == Denial("CURRENCY_EXPOSURE", "50 % of 1000000 USD", "580005 USD in USD")
    assert code(an_order_for("2", symbol="GBPUSD", direction=-1), account) is None, (
        "the long position sells dollars, the order buys them"
    )


def test_margin_use_is_the_venues_margin_divided_by_equity() -> None:
    """2.73 lots are 273,000 EUR. At leverage 100 and the ask 1.10002 their margin is above 30 % of 10,000 USD."""
    account = an_account(only(margin_pct_of_equity_max=D(30)))
    assert code(an_order_for("2.72"), account) is None
    assert denied(an_order_for("2.73"), account) == Denial("MARGIN_USE", "30 % of 10000 USD", "3003 USD")


def test_margin_use_falls_with_leverage_and_adds_up_over_symbols() -> None:
    """At leverage 500 a lot of gold, 200,000 USD, needs 400 USD, and 2.3 lots of GBPUSD need 575 USD."""
    account = held(an_account(only(margin_pct_of_equity_max=D(10), leverage=D(500))), "XAUUSD", "-1")
    assert code(an_order_for("2.3", symbol="GBPUSD"), account) is None
    assert denied(an_order_for("2.5", symbol="GBPUSD"), account) == Denial(
        "MARGIN_USE", "10 % of 10000 USD", "1025 USD"
    )


def test_an_unknown_margin_denies_the_order() -> None:
    account = held(an_account(only(margin_pct_of_equity_max=D(30))), "XAUUSD", "0.01")
    del account.cursor.marks["XAUUSD"]
    assert denied(an_order_for(), account) == Denial("MARGIN_USE", "30 % of 10000 USD", "no known rate")


def test_a_held_symbol_without_a_rate_denies_the_order() -> None:
    account = held(an_account(only(gross_exposure_pct_of_power_max=D(30))), "USDJPY", "0.1")
    del account.cursor.marks["USDJPY"]
    assert denied(an_order_for(), account) == Denial("GROSS_EXPOSURE", "30 % of 1000000 USD", "no known rate")


# --------------------------------------------------------------------------------------------- all limits together


def test_a_close_is_allowed_beyond_the_limits() -> None:
    """The limits of hours, confidence, loss, orders, rejects, quote age, price, exposure and margin are exceeded."""
    account = an_account(structs.replace(DEFAULT_LIMITS, trading_hours="00:00-00:01", confidence_min=D(1)), balance="1")
    held(account, "EURUSD", "-50")
    risk = account.risk_state
    risk.peaks = Peaks(day=server_day(START_NS), day_start=D(10), day_high=D(10), high=D(10), equity=D(1))
    risk.breakers["EURUSD"] = Breaker(until_ns=START_NS + DAY_NS)
    risk.last_order_ns["EURUSD"], risk.runs["EURUSD"] = START_NS, 99
    risk.reject_times_ns, risk.order_times_ns = [START_NS] * 99, [START_NS] * 99
    order = an_order_for("50", opening_volume=D(0), price=D(2))
    assert code(order, account._replace(tick_age_ns=DAY_NS, latest_bid_ask=(1.1, 1.1))) is None
    assert code(order._replace(opening_volume=D(50)), account) is not None
