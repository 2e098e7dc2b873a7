"""The ladder's table: each rule passes just under its limit, denies at it, stops no reduction, and survives a restart.

Every registered rule has a row for each of its codes; one without fails here. A row builds the same scene twice, just under
the limit and past it, out of the events and ticks that bring it about.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import structs

from proto.control import TradingState
from proto.gateway import DealEntry
from proto.trading.enums import OrderType, Side, TimeInForce, TradeMode
from proto.trading.server_time import DAY_NS, HOUR_NS, minute_of_week, weekday
from services.portfolio.core.account.events import CancelRequested, DealBooked, OrderCreated, OrderUpdated
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.decision.exits import exit_events
from services.portfolio.core.decision.signal_decision import DecisionConditions, decide_signal
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.plan.plan import Plan, Strategy
from services.portfolio.core.risk import checks
from services.portfolio.core.risk.limits import LIMITS_OF_RULE
from services.portfolio.core.risk.news import Impact, NewsEvent
from services.portfolio.core.risk.rules import (
    circuit_breaker,
    confidence,
    conversion,
    currency_exposure,
    daily_loss,
    drawdown,
    expiry,
    friday_close,
    gross_exposure,
    hours,
    instrument_volume,
    lease,
    margin_use,
    news,
    order_notional,
    order_rate,
    order_volume,
    price_collar,
    prices,
    quote_age,
    rejects,
    repeated_orders,
    rollover,
    signal_age,
    spread,
    stops,
    storage,
    strategy_budget,
    strategy_loss,
    symbol,
    symbol_exposure,
    trading_state,
)
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.state_updates import update_equity_peaks, update_spread_median
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, verify_ledger
from tests.support.builders import START_NS, a_deal, a_signal, an_order
from tests.unit.portfolio.risk.scenes import MINUTE_NS, NS, SERVER_MIDNIGHT_NS, D, Scene, only, terms_of


class Row(NamedTuple):
    """A rule's code and the scene of it, just under the limit (False) and past it (True).

    `stops_closing`: what every order must satisfy, so that a close is denied as well. `remembers`: what denies is in the
    ladder's memory.
    """

    code: str
    rule: checks.Rule
    scene: Callable[[bool], Scene]
    stops_closing: bool = False
    remembers: bool = False


def a_stopped_desk(state: TradingState) -> Callable[[bool], Scene]:
    def build(past: bool) -> Scene:
        scene = Scene()
        if past:
            scene.state.account.set_trading_state(state, "PERSON", "news", by="person")
        return scene

    return build


def a_storage(past: bool) -> Scene:
    scene = Scene()
    scene.facts["storage_problem"] = "disk full" if past else ""
    return scene


def a_lease(past: bool) -> Scene:
    scene = Scene()
    scene.facts["lease_problem"] = "the gateway grants no lease: it does not answer" if past else ""
    return scene


def an_unknown_symbol(past: bool) -> Scene:
    scene = Scene()
    scene.order = scene.order._replace(instrument=terms_of("AUDUSD" if past else "EURUSD"))
    return scene


def an_expiry(past: bool) -> Scene:
    """It would stand until the venue's present, or a moment longer."""
    return Scene().ask(
        type=OrderType.LIMIT, limit_price=D("1.1"), time_in_force=TimeInForce.GTD, expires_ns=START_NS + (not past)
    )


def a_session(past: bool) -> Scene:
    """The market closes with this minute, or with the next."""
    minute = minute_of_week(START_NS)
    return Scene().term(sessions=((minute - 60, minute + (0 if past else 1)),))


def an_unquoted(**changed: Any) -> Callable[[bool], Scene]:
    def build(past: bool) -> Scene:
        scene = Scene().ask(**changed)
        if past:
            del scene.state.stream.cursor.marks["EURUSD"]
        return scene

    return build


def an_unconverted(past: bool) -> Scene:
    scene = Scene().ask(symbol="USDJPY")
    if past:
        del scene.state.stream.cursor.marks["USDJPY"]
    return scene


def trade(scene: Scene, **result: Any) -> None:
    """Buy EURUSD and sell it again, with this result."""
    scene.hold("EURUSD", "0.01")
    deal = a_deal(len(scene.state.account.book.deals) + 1, Side.SELL, entry=DealEntry.OUT, **result)
    scene.state.account.emit(DealBooked(deal=deal, order_id="", closings=[]))


def some_losses(past: bool) -> Scene:
    scene = Scene(only(breaker_losses=3))
    for _ in range(3 if past else 2):
        trade(scene, profit=D(-1))
    return scene.at(START_NS + NS)


def a_fall(limits: dict[str, Any], just_under: str, at: str) -> Callable[[bool], Scene]:
    """The equity falls from 10,000 to this."""

    def build(past: bool) -> Scene:
        scene = Scene(only(**limits))
        for equity in ("10000", at if past else just_under):
            update_equity_peaks(scene.state.stream.risk, D(equity), START_NS)
        return scene

    return build


def some_rejections(past: bool) -> Scene:
    scene = Scene(only(rejects_per_minute_max=5))
    for number in range(1, 6 if past else 5):
        order = an_order(number)
        scene.state.account.emit(OrderCreated(order=order))
        scene.state.account.emit(OrderUpdated(order_id=order.order_id, status=OrderStatus.REJECTED, ticket=None, retcode=10_006,
                                     code="", error="", time_ns=START_NS))  # fmt: skip
    return scene


def some_orders(limits: dict[str, Any], count: int) -> Callable[[bool], Scene]:
    """So many buys of EURUSD are made in a minute, and past the limit one more."""

    def build(past: bool) -> Scene:
        scene = Scene(only(**limits))
        for number in range(1, count + 1 + past):
            scene.state.account.emit(OrderCreated(order=an_order(number, created_ns=START_NS + number)))
        return scene.at(START_NS + NS)

    return build


def a_wide_spread(past: bool) -> Scene:
    scene = Scene(only(spread_factor_max=D(3)))
    update_spread_median(scene.state.stream.risk, "EURUSD", 2e-5, 1e-5)
    scene.state.stream.cursor.marks["EURUSD"] = Mark(1.1, 1.1 + (7 if past else 6) * 1e-5, START_NS)
    return scene


def a_collar(past: bool) -> Scene:
    scene = Scene(only(price_collar_fx_pct_max=D("0.5"))).ask(price=D("1.1056" if past else "1.1055"))
    scene.facts["latest_bid_ask"] = (1.1, 1.1)
    return scene


def an_age(past: bool) -> Scene:
    scene = Scene(only(quote_age_ms_max=2_000))
    scene.facts["tick_age_ns"] = 2_000_000_000 + past
    return scene


def a_signals_age(past: bool) -> Scene:
    scene = Scene(only())
    scene.facts |= {"tick_age_ns": 5_000_000_000 + past, "signal_age_ns_max": 5_000_000_000}
    return scene


def a_friday(past: bool) -> Scene:
    friday_ns = SERVER_MIDNIGHT_NS
    while weekday(friday_ns) != 4:
        friday_ns += DAY_NS
    return Scene(only(friday_close="20:00")).at(friday_ns + 20 * HOUR_NS - (not past))


def a_release(past: bool) -> Scene:
    release = NewsEvent(START_NS + 5 * MINUTE_NS, "USD", Impact.HIGH, "Nonfarm payrolls")
    return Scene(only(news_calendar=(release,))).at(START_NS - (not past))


def a_strategy(past: bool) -> Scene:
    """Two symbols share 0.5 lots."""
    plan = Plan(strategies={"trend": Strategy(symbols=("EURUSD", "GBPUSD"), volume_max=D("0.5"))})
    return Scene(plan=plan).hold("GBPUSD", "-0.3").ask("0.21" if past else "0.2")


def a_losing_strategy(past: bool) -> Scene:
    """1 % of 10,000 USD: 60 are lost for good, and the open position has lost the other 40, or a little less."""
    plan = Plan(strategies={"trend": Strategy(symbols=("EURUSD", "GBPUSD"), daily_loss_pct_max=D(1))})
    scene = Scene(plan=plan)
    update_equity_peaks(scene.state.stream.risk, D(10_000), START_NS)
    trade(scene, profit=D(-58), commission=D(-2))
    scene.hold("GBPUSD", "0.1")
    bid = 1.246 if past else 1.24601
    scene.state.stream.cursor.marks["GBPUSD"] = Mark(bid, bid + 2e-5, START_NS)
    return scene


def lots(limits: dict[str, Any], just_under: str, past_it: str) -> Callable[[bool], Scene]:
    return lambda past: Scene(only(**limits)).ask(past_it if past else just_under)


ROWS = (
    Row("STORAGE", storage, a_storage, stops_closing=True),
    Row("LEASE_MISSING", lease, a_lease),
    Row("HALTED", trading_state, a_stopped_desk(TradingState.HALTED), stops_closing=True),
    Row("REDUCE_ONLY", trading_state, a_stopped_desk(TradingState.REDUCE_ONLY)),
    Row("UNKNOWN_SYMBOL", symbol, an_unknown_symbol, stops_closing=True),
    Row("TRADE_DISABLED", symbol, lambda past: Scene().term(trade_mode=TradeMode.DISABLED if past else TradeMode.FULL),
        stops_closing=True),
    Row("CLOSE_ONLY", symbol, lambda past: Scene().term(trade_mode=TradeMode.CLOSE_ONLY if past else TradeMode.FULL)),
    Row("MARKET_CLOSED", symbol, a_session),
    Row("INVALID_VOLUME", instrument_volume, lots({}, "0.02", "0.015"), stops_closing=True),
    Row("INVALID_PRICE", prices, lambda past: Scene().ask(type=OrderType.LIMIT, limit_price=D("1.10002" if past else "1.10001")),
        stops_closing=True),
    Row("NO_QUOTE", prices, an_unquoted(type=OrderType.LIMIT, limit_price=D("1.1")), stops_closing=True),
    Row("INVALID_STOPS", stops, lambda past: Scene().ask(stop_loss=D("1.09991" if past else "1.0999"))
        .term(stops_level_points=10), stops_closing=True),
    Row("NO_QUOTE", stops, an_unquoted(stop_loss=D("1.09")), stops_closing=True),
    Row("INVALID_EXPIRATION", expiry, an_expiry, stops_closing=True),
    Row("NO_CONVERSION_RATE", conversion, an_unconverted, stops_closing=True),
    Row("CIRCUIT_BREAKER", circuit_breaker, some_losses, remembers=True),
    Row("CONFIDENCE", confidence, lambda past: Scene(only(confidence_min=D("0.9"))).ask(confidence=0.89 if past else 0.9)),
    Row("SIGNAL_STALE", signal_age, a_signals_age),
    Row("QUOTE_STALE", quote_age, an_age),
    Row("TRADING_HOURS", hours, lambda past: Scene(only(trading_hours="07:00-20:00"))
        .at(SERVER_MIDNIGHT_NS + 20 * HOUR_NS - (not past))),
    Row("FRIDAY_CLOSE", friday_close, a_friday),
    Row("ROLLOVER", rollover, lambda past: Scene(only(rollover_pause_min=5)).at(SERVER_MIDNIGHT_NS - 5 * MINUTE_NS + past)),
    Row("NEWS", news, a_release),
    Row("DAILY_LOSS", daily_loss, a_fall({"daily_loss_pct_max": D(2)}, "9800.01", "9800"), remembers=True),
    Row("DRAWDOWN", drawdown, a_fall({"drawdown_reduce_pct": D(5)}, "9500.01", "9500"), remembers=True),
    Row("DRAWDOWN", drawdown, a_fall({"drawdown_halt_pct": D(7)}, "9300.01", "9300"), remembers=True),
    Row("REJECTS", rejects, some_rejections, remembers=True),
    Row("REPEATED_ORDERS", repeated_orders, some_orders({"repeated_orders_max": 20}, 19), remembers=True),
    Row("ORDER_RATE", order_rate, some_orders({"orders_per_second_max": 1}, 0), remembers=True),
    Row("ORDER_RATE", order_rate, some_orders({"orders_per_minute_max": 30}, 29), remembers=True),
    Row("ORDER_RATE", order_rate, some_orders({"orders_per_day_max": 500}, 499), remembers=True),
    Row("SPREAD", spread, a_wide_spread, remembers=True),
    Row("PRICE_COLLAR", price_collar, a_collar),
    Row("ORDER_VOLUME", order_volume, lots({"order_volume_max": D(1)}, "1", "1.01")),
    Row("ORDER_NOTIONAL", order_notional, lots({"order_notional_pct_of_power_max": D(10)}, "0.9", "0.91")),
    Row("SYMBOL_EXPOSURE", symbol_exposure, lots({"symbol_exposure_pct_of_power_max": D(20)}, "1.81", "1.82")),
    Row("GROSS_EXPOSURE", gross_exposure, lots({"gross_exposure_pct_of_power_max": D(100)}, "9.09", "9.1")),
    Row("CURRENCY_EXPOSURE", currency_exposure, lots({"currency_exposure_pct_of_power_max": D(50)}, "4.54", "4.55")),
    Row("MARGIN_USE", margin_use, lots({"margin_pct_of_equity_max": D(30)}, "2.72", "2.73")),
    Row("STRATEGY_VOLUME", strategy_budget, a_strategy),
    Row("STRATEGY_LOSS", strategy_loss, a_losing_strategy, remembers=True),
)  # fmt: skip

ENDS_RESTING = {"HALTED", "REDUCE_ONLY", "CIRCUIT_BREAKER", "TRADING_HOURS", "FRIDAY_CLOSE", "NEWS", "DAILY_LOSS",
                "DRAWDOWN", "REJECTS"}  # fmt: skip
"""What holds for a whole stretch of time, so that an order that rests and would open ends with it."""

REGISTERED = (*checks.BASE_RULES, *checks.OPENING_RULES)
CODE = re.compile(r'"([A-Z]{2,}(?:_[A-Z]+)*)"')

each_row = pytest.mark.parametrize("row", ROWS, ids=[f"{at}-{row.code}" for at, row in enumerate(ROWS)])


def source_of(rule: checks.Rule) -> str:
    return Path(str(vars(rule)["__file__"])).read_text()


def test_every_registered_rule_has_a_row_for_each_of_its_codes() -> None:
    said = {(vars(rule)["__name__"], found) for rule in REGISTERED for found in CODE.findall(source_of(rule))}
    assert {(vars(row.rule)["__name__"], row.code) for row in ROWS} == said


def test_every_file_among_the_rules_is_registered() -> None:
    folder = Path(str(vars(storage)["__file__"])).parent
    names = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    assert sorted(vars(rule)["__name__"].rpartition(".")[2] for rule in REGISTERED) == sorted(names)


def test_a_rule_that_reads_the_memory_has_a_row_that_says_so() -> None:
    reading = {vars(rule)["__name__"] for rule in REGISTERED if "context.risk_state" in source_of(rule)}
    assert {vars(row.rule)["__name__"] for row in ROWS if row.remembers} == reading


@each_row
def test_it_passes_just_under_its_limit(row: Row) -> None:
    assert row.scene(False).denial() is None


@each_row
def test_it_denies_at_its_limit_and_says_limit_and_observation(row: Row) -> None:
    scene = row.scene(True)
    denial = scene.denial()
    assert denial is not None
    assert denial.code == row.code
    assert denial.limit
    assert denial.observed
    assert row.rule.check(scene.order, scene.account(), scene.now_ns) == denial, "it is this rule that denies"


@pytest.mark.parametrize("row", [row for row in ROWS if row.code in LIMITS_OF_RULE], ids=lambda row: row.code)
def test_it_denies_nothing_without_the_limits_that_are_named_for_it(row: Row) -> None:
    scene = row.scene(True)
    lifted: dict[str, Any] = {name: () if name == "news_calendar" else None for name in LIMITS_OF_RULE[row.code]}
    account = scene.account()
    assert row.rule.check(scene.order, account, scene.now_ns) is not None
    account = account._replace(limits=structs.replace(account.limits, **lifted))
    assert row.rule.check(scene.order, account, scene.now_ns) is None


def test_every_rule_of_a_set_names_its_limits() -> None:
    elsewhere = {"SIGNAL_STALE", "STRATEGY_LOSS", "STRATEGY_VOLUME"}
    codes = {row.code for row in ROWS if row.rule in checks.OPENING_RULES}
    assert codes - elsewhere == set(LIMITS_OF_RULE)


@each_row
def test_it_stops_no_reduction_unless_no_order_at_all_can_be_such(row: Row) -> None:
    scene = row.scene(True)
    scene.order = scene.order._replace(opening_volume=D(0))
    denial = scene.denial()
    assert (denial is not None) is row.stops_closing
    assert (row.rule in checks.BASE_RULES) or not row.stops_closing


@each_row
def test_it_ends_an_order_that_rests_if_and_only_if_it_holds_for_a_stretch_of_time(row: Row) -> None:
    """The whole way of a tick, just under the limit and past it."""
    for past in (False, True):
        scene = row.scene(past)
        state = scene.state
        order = an_order(
            len(state.account.book.orders) + 1,
            type=OrderType.LIMIT,
            limit_price=D("1.09"),
            time_in_force=TimeInForce.GTC,
        )
        state.account.emit(OrderCreated(order=order))
        signal = a_signal(9, time_ns=scene.now_ns, confidence=scene.order.confidence)
        present = DecisionConditions(
            tick_age_ns=scene.facts.get("tick_age_ns", 0),
            storage_problem=scene.facts.get("storage_problem", ""),
            lease_problem=scene.facts.get("lease_problem", ""),
        )
        ended = exit_events(signal, state.account.book, state.stream, state.config, present)
        expected = [order.order_id] if past and row.code in ENDS_RESTING else []
        assert [event.order_id for event in ended if isinstance(event, CancelRequested)] == expected
        assert len(ended) == len(expected)


def test_a_halted_desk_still_takes_what_a_person_closes_and_nothing_that_opens() -> None:
    scene = a_stopped_desk(TradingState.HALTED)(True)
    scene.order = scene.order._replace(is_manual=True)
    denial = scene.denial()
    assert denial is not None
    assert denial.code == "HALTED"
    scene.order = scene.order._replace(opening_volume=D(0))
    assert scene.denial() is None


@each_row
def test_it_decides_the_same_after_a_restart(row: Row, tmp_path: Path) -> None:
    for past in (False, True):
        scene = row.scene(past)
        before, path = scene.denial(), tmp_path / f"{past}-{LEDGER_FILE_NAME}"
        ledger = Ledger(path)
        ledger.commit(scene.state.account.take_events(), scene.state.account.book, scene.state.stream.persisted)
        ledger.close()
        ledger = Ledger(path)
        scene.restart(*ledger.load())
        ledger.close()
        assert scene.denial() == before
        assert verify_ledger(path) == []
        if past and row.remembers:
            scene.state.stream.risk = RiskState()
            after = scene.denial()
            assert after != before, "without its memory it would decide otherwise, so that the memory is what was kept"


# Between sessions a signal's close waits: tests/unit/portfolio/decision/test_closed_markets.py.
@pytest.mark.parametrize(
    "row", [row for row in ROWS if not row.stops_closing and row.code != "MARKET_CLOSED"], ids=lambda row: row.code
)
def test_a_signal_to_reverse_still_closes(row: Row) -> None:
    """The whole way of a signal: a short position is there, the rule stands against what would be opened, and it is closed."""
    scene = row.scene(True)
    state, order = scene.state, scene.order
    for order_id in list(state.account.book.open_orders):
        state.account.emit(OrderUpdated(order_id=order_id, status=OrderStatus.REJECTED, ticket=None, retcode=None, code="", error="",
                               time_ns=START_NS - DAY_NS))  # fmt: skip
    scene.hold("EURUSD", "-0.01")
    mark = state.stream.cursor.marks["EURUSD"]
    if row.code == "PRICE_COLLAR":
        mark = Mark(mark.bid, float(order.price), START_NS)
    rules = structs.replace(state.config, default_volume=order.opening_volume, on_opposite=OnOpposite.REVERSE)
    signal = a_signal(1, 1, time_ns=scene.now_ns, bid=mark.bid, ask=mark.ask, confidence=order.confidence)
    conditions = DecisionConditions(
        tick_age_ns=scene.facts.get("tick_age_ns", 0),
        latest_bid_ask=scene.facts.get("latest_bid_ask"),
        lease_problem=scene.facts.get("lease_problem", ""),
    )
    [event] = decide_signal(signal, state.account.book, state.stream, rules, conditions).events
    assert isinstance(event, OrderCreated)
    assert (event.order.side, event.order.volume) == (Side.BUY, D("0.01"))
    if row.code != "REDUCE_ONLY":  # nothing was to be opened in the first place
        assert f"closes only: {row.code} " in event.order.decision.reason
