"""A strategy's limits on lots and daily loss, which do not depend on other strategies on the account."""

from __future__ import annotations

import pytest
from msgspec import structs

from proto.control import TradingState
from proto.gateway import DealEntry, DealKind
from proto.time import DAY_NS
from proto.trading.enums import AccountMode, Side
from proto.trading.server_time import server_day
from services.mt5.core.gateway.tick_publisher import Pace
from services.portfolio.core.account.events import DealBooked, OrderCreated, TradingStateChanged
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.plan.plan import PLAIN, Plan, Strategy
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, NO_LIMITS
from services.portfolio.core.risk.registry import active_rules
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.state_updates import update_equity_peaks, update_from_event
from services.portfolio.core.risk.types import Denial
from services.portfolio.core.risk.utilization import limit_utilization
from tests.support.builders import START_NS, a_deal, a_deposit, a_gateway, a_signal, a_stream, an_order, some_rules
from tests.support.desk_harness import DeskHarness
from tests.unit.portfolio.risk.scenes import D, Scene

TREND = Strategy(symbols=("EURUSD", "GBPUSD"), volume_max=D("0.5"), daily_loss_pct_max=D(1))
CARRY = Strategy(symbols=("USDJPY",), volume_max=D(9))
PLAN = Plan(strategies={"trend": TREND, "carry": CARRY})


def a_scene() -> Scene:
    scene = Scene(plan=PLAN)
    update_equity_peaks(scene.state.stream.risk, D(10_000), START_NS)
    return scene


def lose(scene: Scene, amount: str, symbol: str = "EURUSD") -> None:
    number = len(scene.state.account.book.deals) + 1
    deal = a_deal(number, Side.SELL, entry=DealEntry.OUT, profit=-D(amount), symbol=symbol)
    update_from_event(scene.state.stream.risk, DealBooked(deal=deal, order_id="", closings=[]), DEFAULT_LIMITS)


def test_the_lots_of_all_symbols_of_a_strategy_count_long_and_short() -> None:
    scene = a_scene().hold("GBPUSD", "-0.3")
    assert scene.propose("0.2").denial() is None
    assert scene.propose("0.21").denial() == Denial("STRATEGY_VOLUME", "0.5 lots of trend", "0.51 lots")


def test_long_and_short_lots_of_a_hedging_account_are_added_up() -> None:
    """The net volume of two opposite legs of 0.2 lots is zero, so a limit on net volume would allow 0.5 lots more."""
    scene = a_scene()
    stream = scene.state.account.book.stream
    assert stream is not None
    scene.state.account.book.stream = structs.replace(stream, account_mode=AccountMode.HEDGING)
    for number, side in ((2, Side.BUY), (3, Side.SELL)):
        deal = a_deal(number, side, "0.2", position=100 + number)
        scene.state.account.emit(DealBooked(deal=deal, order_id="", closings=[]))
    assert scene.propose("0.1").denial() is None
    assert scene.propose("0.11").denial() == Denial("STRATEGY_VOLUME", "0.5 lots of trend", "0.51 lots")


def test_the_volume_of_open_orders_counts() -> None:
    scene = a_scene()
    scene.state.account.emit(OrderCreated(order=an_order(1, volume="0.4", symbol="GBPUSD")))
    assert scene.propose("0.1").denial() is None
    assert scene.propose("0.11").denial() is not None


def test_lots_of_another_strategy_do_not_count_and_a_symbol_without_strategy_has_no_budget() -> None:
    scene = a_scene().hold("USDJPY", "8")
    assert scene.propose("0.5").denial() is None
    assert scene.propose("1", symbol="USDJPY").denial() is None
    assert scene.propose("90", symbol="XAUUSD").denial() is None


def test_a_strategy_at_its_daily_loss_opens_nothing_that_day_but_others_may() -> None:
    scene = a_scene()
    lose(scene, "99.99")
    assert scene.propose().denial() is None
    lose(scene, "0.01", "GBPUSD")
    assert scene.propose().denial() == Denial("STRATEGY_LOSS", "1 % a day of trend", "1 %")
    assert scene.propose(symbol="USDJPY").denial() is None
    assert scene.propose(opening_volume=D(0)).denial() is None, "an order that only closes is allowed"


def test_another_strategys_loss_does_not_count() -> None:
    scene = a_scene()
    lose(scene, "5000", "USDJPY")
    assert scene.propose().denial() is None


def test_open_profit_offsets_a_realized_loss() -> None:
    scene = a_scene()
    lose(scene, "100")
    scene.hold("GBPUSD", "0.1")
    scene.state.stream.cursor.marks["GBPUSD"] = Mark(1.2501, 1.25012, START_NS)
    assert scene.propose("0.01").denial() is None, "the open profit reduces the loss by one dollar"


def test_the_loss_of_a_day_does_not_count_on_the_next_day() -> None:
    scene = a_scene()
    lose(scene, "100")
    tomorrow_ns = START_NS + DAY_NS
    assert scene.at(tomorrow_ns).propose().denial() == Denial(
        "STRATEGY_LOSS", "1 % a day of trend", "no known equity of the day"
    ), "the equity is unknown before the day's first tick"
    update_equity_peaks(scene.state.stream.risk, D(9_900), tomorrow_ns)
    assert scene.denial() is None


def test_a_position_that_cannot_be_valued_denies_the_order() -> None:
    scene = a_scene().hold("GBPUSD", "0.1")
    del scene.state.stream.cursor.marks["GBPUSD"]
    denial = scene.propose().denial()
    assert denial is not None
    assert denial.observed == "no known equity of the day"


def test_results_after_costs_are_stored_by_symbol_for_the_servers_day() -> None:
    risk = RiskState()
    for deal in (
        a_deal(1, commission=D(-3)),
        a_deal(2, entry=DealEntry.OUT, profit=D(10), commission=D(-3)),
        a_deal(3, kind=DealKind.SWAP, entry=DealEntry.NONE, swap=D("-0.5")),
        a_deal(4, kind=DealKind.CORRECTION, entry=DealEntry.NONE, profit=D(7)),
        a_deposit(5),
        a_deal(6, symbol="GBPUSD", profit=D(1)),
        a_deal(7, profit=D(99), time_ns=START_NS - DAY_NS),
    ):
        update_from_event(risk, DealBooked(deal=deal, order_id="", closings=[]), DEFAULT_LIMITS)
    assert (risk.result_day, risk.results_of_day) == (
        server_day(START_NS),
        {"EURUSD": D("3.5"), "GBPUSD": D(1)},
    ), "the last deal is of the day before"
    later = a_deal(8, profit=D(-2), time_ns=START_NS + DAY_NS)
    update_from_event(risk, DealBooked(deal=later, order_id="", closings=[]), DEFAULT_LIMITS)
    assert risk.results_of_day == {"EURUSD": D(-2)}


def test_a_resume_does_not_reset_the_budget_of_the_day() -> None:
    scene = a_scene()
    lose(scene, "100")
    resumed = TradingStateChanged(state=TradingState.ACTIVE, reason="seen", by="person", time_ns=START_NS)
    scene.state.account.emit(resumed)
    update_equity_peaks(scene.state.stream.risk, D(9_900), START_NS)
    denial = scene.propose().denial()
    assert denial is not None
    assert denial.code == "STRATEGY_LOSS"


def test_equity_is_computed_at_every_tick_if_a_strategy_limit_needs_it() -> None:
    assert active_rules(NO_LIMITS, PLAN).needs_equity
    assert not active_rules(NO_LIMITS, PLAIN).needs_equity
    assert not active_rules(NO_LIMITS, Plan(strategies={"carry": CARRY})).needs_equity


def test_the_risk_view_shows_the_use_of_each_budget() -> None:
    scene = a_scene().hold("GBPUSD", "-0.3")
    lose(scene, "50")
    scene.state.stream.cursor.marks["GBPUSD"] = Mark(1.24998, 1.25, START_NS)
    assert [row[:6] for row in limit_utilization(scene.account(), START_NS)] == [
        ("STRATEGY_VOLUME", "trend", "0.5 lots", "0.3 lots", "0.2 lots", 0.6),
        ("STRATEGY_VOLUME", "carry", "9 lots", "0 lots", "9 lots", 0.0),
        ("STRATEGY_LOSS", "trend", "1 % a day", "0.5 %", "0.50 %", 0.5),
        ("FOREIGN_ORDERS", "", "halt", "0 orders accepted", "", None),
    ]


@pytest.mark.parametrize(("plan", "is_watched"), [(PLAN, True), (PLAIN, False)])
def test_a_desk_without_limits_tracks_the_days_equity_for_its_budgets(plan: Plan, is_watched: bool) -> None:
    rules = structs.replace(some_rules(limits=NO_LIMITS), plan=plan)
    driven = DeskHarness(a_gateway(a_stream((1.1, 1.1001)), pace=Pace(1, None)), rules=rules)
    driven.run_up()
    driven.deliver(a_signal(1))
    assert (driven.state.stream.risk.peaks.day_start == D(10_000)) is is_watched
