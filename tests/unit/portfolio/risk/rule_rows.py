"""The table of risk rules, with the last situation that each rule allows and the first that it denies.

Each rule needs at least one row. A row has two neighboring situations, one on each side of the rule's limit, and the
exact denial in the second situation. The argument `past` of the functions below selects the second situation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from proto.control import TradingState
from proto.gateway import DealEntry
from proto.time import DAY_NS, HOUR_NS
from proto.trading.enums import OrderType, Side, TimeInForce, TradeMode
from proto.trading.server_time import minute_of_week, weekday
from services.portfolio.core.account.events import DealBooked, OrderCreated, OrderUpdated
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.plan.plan import Plan, Strategy
from services.portfolio.core.risk.news import Impact, NewsEvent
from services.portfolio.core.risk.rule import RiskRule
from services.portfolio.core.risk.rules import RULES
from services.portfolio.core.risk.state_updates import update_equity_peaks, update_spread_median
from tests.support.builders import START_NS, a_deal, an_order
from tests.unit.portfolio.risk.scenes import MINUTE_NS, NS, SERVER_MIDNIGHT_NS, D, Scene, only, terms_of


class Row(NamedTuple):
    """A denial: its code, its limit, the observed value, and a function that builds the situation (`Scene`).

    `scene(False)` is the last situation that is allowed, `scene(True)` the first that is denied. `stops_closing` is
    True if the rule also applies to orders that only close.
    """

    code: str
    scene: Callable[[bool], Scene]
    limit: str
    observed: str
    stops_closing: bool = False

    @property
    def rules(self) -> list[RiskRule]:
        """The rules that declare the code: two for NO_QUOTE, otherwise one."""
        return [rule for rule in RULES if self.code in {code.code for code in rule.codes}]


def a_stopped_desk(state: TradingState) -> Callable[[bool], Scene]:
    def build(past: bool) -> Scene:
        scene = Scene()
        if past:
            scene.state.account.set_trading_state(state, "PERSON", "news", by="person")
        return scene

    return build


def a_storage_problem(past: bool) -> Scene:
    scene = Scene()
    scene.facts["storage_problem"] = "disk full" if past else ""
    return scene


def a_lease_problem(past: bool) -> Scene:
    scene = Scene()
    scene.facts["lease_problem"] = "the gateway grants no lease: it does not answer" if past else ""
    return scene


def an_unknown_symbol(past: bool) -> Scene:
    scene = Scene()
    scene.order = scene.order._replace(instrument=terms_of("AUDUSD" if past else "EURUSD"))
    return scene


def an_expiry(past: bool) -> Scene:
    """An order that expires at the current venue time (`past`), or shortly afterwards."""
    return Scene().propose(
        type=OrderType.LIMIT, limit_price=D("1.1"), time_in_force=TimeInForce.GTD, expires_ns=START_NS + (not past)
    )


def a_session(past: bool) -> Scene:
    """A market that closed at the start of this minute (`past`), or closes at the end of this minute."""
    minute = minute_of_week(START_NS)
    return Scene().term(sessions=((minute - 60, minute + (0 if past else 1)),))


def an_unquoted_symbol(**changed: Any) -> Callable[[bool], Scene]:
    def build(past: bool) -> Scene:
        scene = Scene().propose(**changed)
        if past:
            del scene.state.stream.cursor.marks["EURUSD"]
        return scene

    return build


def a_missing_conversion(past: bool) -> Scene:
    scene = Scene().propose(symbol="USDJPY")
    if past:
        del scene.state.stream.cursor.marks["USDJPY"]
    return scene


def trade(scene: Scene, **result: Any) -> None:
    """Buy EURUSD and sell it again, with this profit."""
    scene.hold("EURUSD", "0.01")
    deal = a_deal(len(scene.state.account.book.deals) + 1, Side.SELL, entry=DealEntry.OUT, **result)
    scene.state.account.emit(DealBooked(deal=deal, order_id="", closings=[]))


def some_losses(past: bool) -> Scene:
    scene = Scene(only(breaker_losses=3))
    for _ in range(3 if past else 2):
        trade(scene, profit=D(-1))
    return scene.at(START_NS + NS)


def a_fall(limits: dict[str, Any], passes: str, denied: str) -> Callable[[bool], Scene]:
    """Let the equity fall from 10,000 USD to `passes` or `denied`."""

    def build(past: bool) -> Scene:
        scene = Scene(only(**limits))
        for equity in ("10000", denied if past else passes):
            update_equity_peaks(scene.state.stream.risk, D(equity), START_NS)
        return scene

    return build


def some_rejections(past: bool) -> Scene:
    scene = Scene(only(rejects_per_minute_max=5))
    for number in range(1, 6 if past else 5):
        order = an_order(number)
        scene.state.account.emit(OrderCreated(order=order))
        scene.state.account.emit(
            OrderUpdated(
                order_id=order.order_id,
                status=OrderStatus.REJECTED,
                ticket=None,
                retcode=10_006,
                code="",
                error="",
                time_ns=START_NS,
            )
        )
    return scene


def some_orders(limits: dict[str, Any], count: int) -> Callable[[bool], Scene]:
    """Make `count` buy orders of EURUSD within a minute, and one more if `past`."""

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
    scene = Scene(only(price_collar_fx_pct_max=D("0.5"))).propose(price=D("1.1056" if past else "1.1055"))
    scene.facts["latest_bid_ask"] = (1.1, 1.1)
    return scene


def a_ticks_age(past: bool) -> Scene:
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
    """A strategy with two symbols and a limit of 0.5 lots for both together."""
    plan = Plan(strategies={"trend": Strategy(symbols=("EURUSD", "GBPUSD"), volume_max=D("0.5"))})
    return Scene(plan=plan).hold("GBPUSD", "-0.3").propose("0.21" if past else "0.2")


def a_losing_strategy(past: bool) -> Scene:
    """A realized loss of 60 USD and an unrealized loss of 40 USD (`past`) or 39.90 USD; the limit is 100 USD."""
    plan = Plan(strategies={"trend": Strategy(symbols=("EURUSD", "GBPUSD"), daily_loss_pct_max=D(1))})
    scene = Scene(plan=plan)
    update_equity_peaks(scene.state.stream.risk, D(10_000), START_NS)
    trade(scene, profit=D(-58), commission=D(-2))
    scene.hold("GBPUSD", "0.1")
    bid = 1.246 if past else 1.24601
    scene.state.stream.cursor.marks["GBPUSD"] = Mark(bid, bid + 2e-5, START_NS)
    return scene


def a_volume(limits: dict[str, Any], passes: str, denied: str) -> Callable[[bool], Scene]:
    return lambda past: Scene(only(**limits)).propose(denied if past else passes)


def a_limit_price(*, passes: str, denied: str) -> Callable[[bool], Scene]:
    return lambda past: Scene().propose(type=OrderType.LIMIT, limit_price=D(denied if past else passes))


def a_stop_loss(*, passes: str, denied: str) -> Callable[[bool], Scene]:
    return lambda past: Scene().propose(stop_loss=D(denied if past else passes)).term(stops_level_points=10)


def an_evening(past: bool) -> Scene:
    return Scene(only(trading_hours="07:00-20:00")).at(SERVER_MIDNIGHT_NS + 20 * HOUR_NS - (not past))


ROWS = (
    Row("STORAGE", a_storage_problem,
        "a ledger that can be written", "disk full", stops_closing=True),
    Row("LEASE_MISSING", a_lease_problem,
        "a lease in force", "the gateway grants no lease: it does not answer"),
    Row("HALTED", a_stopped_desk(TradingState.HALTED),
        "ACTIVE", "HALTED", stops_closing=True),
    Row("REDUCE_ONLY", a_stopped_desk(TradingState.REDUCE_ONLY),
        "0 lots", "0.01 lots"),
    Row("UNKNOWN_SYMBOL", an_unknown_symbol,
        "a symbol whose terms the venue has sent", "AUDUSD", stops_closing=True),
    Row("TRADE_DISABLED", lambda past: Scene().term(trade_mode=TradeMode.DISABLED if past else TradeMode.FULL),
        "trading in EURUSD", "DISABLED", stops_closing=True),
    Row("CLOSE_ONLY", lambda past: Scene().term(trade_mode=TradeMode.CLOSE_ONLY if past else TradeMode.FULL),
        "opening in EURUSD", "CLOSE_ONLY"),
    Row("MARKET_CLOSED", a_session,
        "a session of EURUSD", "Monday 10:00 server time"),
    Row("INVALID_VOLUME", a_volume({}, "0.02", "0.015"),
        "0.01 to 100 lots in steps of 0.01", "0.015 lots of EURUSD", stops_closing=True),
    Row("INVALID_PRICE", a_limit_price(passes="1.10001", denied="1.10002"),
        "1 points better than 1.1/1.10002", "BUY LIMIT at 1.10002, 0 points", stops_closing=True),
    Row("NO_QUOTE", an_unquoted_symbol(type=OrderType.LIMIT, limit_price=D("1.1")),
        "a quote of EURUSD", "none", stops_closing=True),
    Row("INVALID_STOPS", a_stop_loss(passes="1.0999", denied="1.09991"),
        "10 points below 1.1", "stop loss 1.09991, 9 points", stops_closing=True),
    Row("NO_QUOTE", an_unquoted_symbol(stop_loss=D("1.09")),
        "a quote of EURUSD", "none", stops_closing=True),
    Row("INVALID_EXPIRATION", an_expiry,
        "a GTD order's expiry after 2026-01-05 08:00:00.000Z", "2026-01-05 08:00:00.000Z", stops_closing=True),
    Row("NO_CONVERSION_RATE", a_missing_conversion,
        "a quoted pair", "none for JPY", stops_closing=True),
    Row("CIRCUIT_BREAKER", some_losses,
        "3 losses in a row", "pause until 2026-01-05 08:05:00.000000Z"),
    Row("CONFIDENCE", lambda past: Scene(only(confidence_min=D("0.9"))).propose(confidence=0.89 if past else 0.9),
        "at least 0.9", "0.89"),
    Row("SIGNAL_STALE", a_signals_age,
        "5000 ms", "5000 ms old"),
    Row("QUOTE_STALE", a_ticks_age,
        "2000 ms", "2000 ms old"),
    Row("TRADING_HOURS", an_evening,
        "07:00-20:00", "20:00 server time"),
    Row("FRIDAY_CLOSE", a_friday,
        "before 20:00 on Friday", "20:00 server time"),
    Row("ROLLOVER", lambda past: Scene(only(rollover_pause_min=5)).at(SERVER_MIDNIGHT_NS - 5 * MINUTE_NS + past),
        "5 minutes from the rollover", "4 minutes"),
    Row("NEWS", a_release,
        "not 5 minutes before to 5 after high impact", "USD Nonfarm payrolls, in 5 minutes"),
    Row("DAILY_LOSS", a_fall({"daily_loss_pct_max": D(2)}, "9800.01", "9800"),
        "2 % from the day's start", "2 %"),
    Row("DRAWDOWN", a_fall({"drawdown_reduce_pct": D(5)}, "9500.01", "9500"),
        "5 %", "5 %"),
    Row("DRAWDOWN", a_fall({"drawdown_halt_pct": D(7)}, "9300.01", "9300"),
        "7 %", "7 %"),
    Row("REJECTS", some_rejections,
        "fewer than 5 a minute", "5"),
    Row("REPEATED_ORDERS", some_orders({"repeated_orders_max": 20}, 19),
        "20 in a row", "21"),
    Row("ORDER_RATE", some_orders({"orders_per_second_max": 1}, 0),
        "1 a second of a symbol", "1.000 s after the last"),
    Row("ORDER_RATE", some_orders({"orders_per_minute_max": 30}, 29),
        "30 a minute", "31"),
    Row("ORDER_RATE", some_orders({"orders_per_day_max": 500}, 499),
        "500 a day", "501"),
    Row("SPREAD", a_wide_spread,
        "3 times 2.0 points", "7.0 points"),
    Row("PRICE_COLLAR", a_collar,
        "0.5 % from 1.1", "0.51 % away"),
    Row("ORDER_VOLUME", a_volume({"order_volume_max": D(1)}, "1", "1.01"),
        "1 lots", "1.01 lots"),
    Row("ORDER_NOTIONAL", a_volume({"order_notional_pct_of_power_max": D(10)}, "0.9", "0.91"),
        "10 % of 1000000 USD", "100101 USD"),
    Row("SYMBOL_EXPOSURE", a_volume({"symbol_exposure_pct_of_power_max": D(20)}, "1.81", "1.82"),
        "20 % of 1000000 USD", "200202 USD"),
    Row("GROSS_EXPOSURE", a_volume({"gross_exposure_pct_of_power_max": D(100)}, "9.09", "9.1"),
        "100 % of 1000000 USD", "1001009 USD"),
    Row("CURRENCY_EXPOSURE", a_volume({"currency_exposure_pct_of_power_max": D(50)}, "4.54", "4.55"),
        "50 % of 1000000 USD", "500505 USD in EUR"),
    Row("MARGIN_USE", a_volume({"margin_pct_of_equity_max": D(30)}, "2.72", "2.73"),
        "30 % of 10000 USD", "3003 USD"),
    Row("STRATEGY_VOLUME", a_strategy,
        "0.5 lots of trend", "0.51 lots"),
    Row("STRATEGY_LOSS", a_losing_strategy,
        "1 % a day of trend", "1 %"),
)  # fmt: skip
