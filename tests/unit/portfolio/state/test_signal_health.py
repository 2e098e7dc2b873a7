"""Conditions of signal processes that are absent, silent, mute, late or faulty, and positions without signals."""

from __future__ import annotations

import pytest

from proto.control import CONDITION_KINDS, DeskState, Effect, Severity
from proto.gateway import Sell
from proto.messages import STRATEGY_FAULT, MarketHeartbeat, SignalHello, SymbolReport, SymbolState
from proto.trading.enums import Side
from services.portfolio.core.account.events import ProtectionSet
from services.portfolio.core.account.market_feed import MarketFeed
from services.portfolio.core.account.protection import Protection
from services.portfolio.core.queries.conditions import conditions_of
from services.portfolio.core.state.signal_conditions import NO_SIGNAL
from services.portfolio.core.state.signal_health import BOOTS_MAX, SIGNAL_CONDITIONS
from tests.support.builders import START_NS, STREAM_ID, TICK_NS, a_gateway, a_signal, a_stream, a_tick, some_rules
from tests.support.desk_harness import RISING, DeskHarness, a_live_desk
from tests.support.signal_watch import CHECK_MS, MS, Watched, a_fault, a_hello, a_warm_up

REPORTED_WITHIN_MS = 3_000


@pytest.fixture
def watched() -> Watched:
    return Watched(a_live_desk())


def test_every_signal_condition_prevents_trading_in_its_symbol() -> None:
    assert {CONDITION_KINDS[code].effect for code in SIGNAL_CONDITIONS} == {Effect.SYMBOL}


def test_a_signal_process_that_never_started_is_as_severe_as_a_silent_one() -> None:
    assert CONDITION_KINDS["SIGNAL_NEVER_HEARD"].severity is CONDITION_KINDS["SIGNAL_SILENT"].severity
    assert CONDITION_KINDS["SIGNAL_SILENT"].severity is Severity.CRITICAL


def test_a_process_that_sends_signals_causes_no_condition(watched: Watched) -> None:
    watched.go_on(60_000, hello=a_hello(), signals=True)
    assert watched.codes == []


def test_a_process_without_any_message_is_reported_within_three_seconds(watched: Watched) -> None:
    watched.go_on(REPORTED_WITHIN_MS)
    assert watched.codes == ["SIGNAL_NEVER_HEARD"]
    assert watched.text("SIGNAL_NEVER_HEARD") == "no signal process for EURUSD for 2 s; see signal.log"
    watched.go_on(3_000, hello=a_hello(), signals=True)
    assert watched.codes == [], "the condition ends with the first signals"


def test_a_process_that_stops_sending_hellos_is_reported_within_three_seconds(watched: Watched) -> None:
    watched.go_on(5_000, hello=a_hello(), signals=True)
    watched.go_on(2_000)
    assert watched.codes == []
    watched.go_on(1_000)
    assert watched.codes == ["SIGNAL_SILENT"]
    assert watched.text("SIGNAL_SILENT") == "no hello message of the signal process for 3 s; see signal.log"
    watched.go_on(3_000, hello=a_hello("b2"), signals=True)
    assert watched.codes == []


def test_five_restarts_within_a_minute_are_a_crash_loop(watched: Watched) -> None:
    watched.go_on(1_000, hello=a_hello("b0"), signals=True)
    for number in range(1, BOOTS_MAX):
        watched.go_on(1_000, hello=a_hello(f"b{number}"), signals=True)
    assert watched.codes == []
    watched.go_on(1_000, hello=a_hello(f"b{BOOTS_MAX}"), signals=True)
    assert watched.codes == ["SIGNAL_CRASH_LOOPING"]
    assert watched.text("SIGNAL_CRASH_LOOPING") == "the signal process restarted 5 times in 60 s; see signal.log"
    watched.go_on(9_000, hello=a_hello(f"b{BOOTS_MAX}"), signals=True)
    assert watched.codes == ["SIGNAL_CRASH_LOOPING"]
    watched.go_on(3_000, hello=a_hello(f"b{BOOTS_MAX}"), signals=True)
    assert watched.codes == [], "after 10 s without a restart the crash loop is over"
    for number in range(1, BOOTS_MAX):
        watched.go_on(1_000, hello=a_hello(f"c{number}"), signals=True)
    assert watched.codes == [], "earlier restarts no longer count"


def test_a_process_that_sends_hellos_but_no_signals_is_mute(watched: Watched) -> None:
    watched.go_on(5_000, hello=a_hello(), signals=True)
    watched.go_on(REPORTED_WITHIN_MS + 1_000, hello=a_hello())
    assert watched.codes == ["SIGNAL_MUTE"]
    watched.go_on(4_000, hello=a_hello(), signals=True)
    assert watched.codes == []


def test_a_mute_process_stays_mute_while_portfolio_decides_the_ticks_between_two_heartbeats(watched: Watched) -> None:
    """There are four ticks and one heartbeat a second, so that decided ticks are ahead of the latest heartbeat."""
    watched.go_on(5_000, hello=a_hello(), signals=True)
    seen = []
    for step in range(1, 81):
        watched.driven.mono_ns += CHECK_MS * MS
        watched.publish(with_heartbeat=step % 4 == 0)
        if step % 2 == 0:
            watched.driven.deliver(a_hello())
        watched.driven.wait(0)
        seen.append(watched.codes)
    steps = REPORTED_WITHIN_MS // CHECK_MS
    assert seen[steps:] == [["SIGNAL_MUTE"]] * (80 - steps)


def test_a_market_that_repeats_decided_ticks_is_reported_until_it_has_caught_up(watched: Watched) -> None:
    """The market goes from tick 20 back to tick 10; signal sends no second signal for the ten repeated ticks."""
    watched.go_on(20_000, hello=a_hello(), signals=True)
    watched.tick -= 10
    watched.go_on(1_000, hello=a_hello())
    assert watched.codes == []
    watched.go_on(1_000, hello=a_hello())
    assert watched.codes == ["MARKET_BEHIND"]
    assert watched.text("MARKET_BEHIND") == "the market repeats 8 ticks that were already decided"
    watched.go_on(8_000, hello=a_hello())
    assert watched.codes == []
    watched.go_on(5_000, hello=a_hello(), signals=True)
    assert watched.codes == []


def test_a_market_behind_the_decided_ticks_is_reported_even_before_the_first_signal(watched: Watched) -> None:
    """The ticks up to 30 are decided. Signal sends no signal for them and must not count as mute."""
    watched.driven.state.stream.cursor.sequences["EURUSD"] = 30
    watched.tick = 10
    watched.go_on(3_000, hello=a_hello())
    assert watched.codes == ["MARKET_BEHIND"]
    assert watched.text("MARKET_BEHIND") == "the market repeats 17 ticks that were already decided"
    watched.go_on(REPORTED_WITHIN_MS, hello=a_hello())
    assert watched.codes == ["MARKET_BEHIND"]


def test_a_process_without_ticks_is_not_mute(watched: Watched) -> None:
    watched.go_on(5_000, hello=a_hello(), signals=True)
    watched.go_on(20_000, hello=a_hello(), ticks=False)
    assert watched.codes == []


def test_no_signal_is_expected_for_ticks_published_before_portfolio_received_ticks() -> None:
    watched = Watched(a_live_desk())
    watched.tick = 1_000
    watched.publish()
    watched.go_on(20_000, hello=a_hello(), ticks=False)
    assert watched.codes == []
    watched.go_on(REPORTED_WITHIN_MS + 1_000, hello=a_hello())
    assert watched.codes == ["SIGNAL_MUTE"]


def test_late_signals_are_shown_as_catching_up_with_the_number_of_ticks_and_seconds(watched: Watched) -> None:
    watched.go_on(5_000, hello=a_hello(), signals=True)
    watched.tick += 40
    watched.go_on(5_000, hello=a_hello(), signals=True, behind=40)
    assert watched.codes == ["SIGNAL_CATCHING_UP"]
    assert watched.text("SIGNAL_CATCHING_UP") == "40 ticks behind, 40.0 s of venue time"
    watched.go_on(2_000, hello=a_hello(), signals=True)
    assert watched.codes == []


def test_a_process_that_reports_catching_up_without_signals_is_not_mute(watched: Watched) -> None:
    watched.go_on(5_000, hello=a_hello(), signals=True)
    fetching = SymbolReport("EURUSD", SymbolState.CATCHING_UP, 12_345, "")
    watched.go_on(5_000, hello=a_hello("b2", fetching))
    assert watched.codes == ["SIGNAL_CATCHING_UP"]
    assert watched.text("SIGNAL_CATCHING_UP").startswith("12,345 ticks behind")


def test_a_warm_up_is_shown_while_it_lasts(watched: Watched) -> None:
    warming = a_warm_up()
    watched.go_on(2_000, hello=a_hello("b1", warming), signals=True)
    assert watched.codes == ["SIGNAL_WARMING_UP"]
    watched.go_on(1_000, hello=a_hello(), signals=True)
    assert watched.codes == []


def test_a_strategys_fault_is_shown_with_its_text_and_the_log_file(watched: Watched) -> None:
    watched.go_on(2_000, hello=a_hello(), signals=True)
    watched.driven.deliver(a_hello("b1", a_fault()))
    assert watched.codes == ["STRATEGY_FAULT"], "the condition is set at once"
    assert watched.text("STRATEGY_FAULT") == f"{a_fault().text}; see signal.log"
    for _ in range(10):
        watched.driven.deliver(a_hello("b1", a_fault()))
        watched.go_on(1_000)
    assert watched.codes == ["STRATEGY_FAULT"], "the HOLD signals of a faulty strategy set no further condition"
    assert watched.driven.state.stream.desk_state is DeskState.RUNNING
    watched.go_on(2_000, hello=a_hello("b2"), signals=True)
    assert watched.codes == []


def open_with_a_time_exit(driven: DeskHarness) -> None:
    """Open a long position with a time exit ten seconds after the first tick."""
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    protection = Protection(symbol="EURUSD", position=0, tag="desk", exit_ns=START_NS + 10 * TICK_NS)
    driven.state.account.emit(
        ProtectionSet(
            protection=protection,
            why="a test",
            ordinal=1,
            time_ns=START_NS,
            bid=driven.state.account.book.orders[next(iter(driven.state.account.book.orders))].price,
            ask=driven.state.account.book.orders[next(iter(driven.state.account.book.orders))].price,
        )
    )
    assert not driven.state.account.book.position("EURUSD").is_flat


@pytest.mark.parametrize("hello", [None, a_hello()], ids=["dead", "mute"])
def test_a_position_is_managed_on_market_ticks_without_signals(watched: Watched, hello: SignalHello | None) -> None:
    open_with_a_time_exit(watched.driven)
    watched.tick = 1
    watched.driven.deliver(a_hello())
    watched.go_on(20_000, hello=hello)
    assert [order.side for order in watched.driven.state.account.book.orders.values()] == [Side.BUY, Side.SELL]
    assert watched.driven.state.account.book.position("EURUSD").is_flat
    assert watched.driven.state.stream.cursor.sequences["EURUSD"] == watched.tick
    assert watched.driven.state.stream.last_signals["EURUSD"].reason == NO_SIGNAL
    before = watched.driven.state.stream.duplicates
    watched.driven.deliver(a_signal(watched.tick, 1))
    assert watched.driven.state.stream.duplicates == before + 1, "a late signal of a decided tick is ignored"
    watched.go_on(3_000, hello=a_hello(), signals=True)
    assert watched.codes == []


def test_a_position_is_managed_on_the_hold_signals_of_a_faulty_strategy(watched: Watched) -> None:
    open_with_a_time_exit(watched.driven)
    watched.driven.deliver(a_hello("b1", a_fault()))
    for ordinal in range(2, 15):
        watched.driven.answer_all(watched.driven.deliver(a_signal(ordinal, reason=STRATEGY_FAULT)))
    assert len(watched.driven.requests_of(Sell)) == 1


# --------------------------------------------------------------------------------------------------- a lock-step stream


def a_lock_step_desk() -> DeskHarness:
    driven = DeskHarness(a_gateway(a_stream(*RISING)), rules=some_rules())
    driven.run_up()
    assert driven.state.stream.desk_state is DeskState.RUNNING
    return driven


def test_a_strategys_fault_fails_a_lock_step_desk_before_the_tick_is_decided() -> None:
    driven = a_lock_step_desk()
    driven.answer_all(driven.deliver(a_signal(1)))
    assert driven.deliver(a_signal(2, reason=STRATEGY_FAULT)) == []
    assert driven.state.stream.cursor.ordinal == 1
    driven.deliver(a_hello("b1", a_fault()))
    assert (driven.state.stream.desk_state, driven.state.stream.waiting_for) == (DeskState.FAILED, a_fault().text)
    shown = {one.code: one.text for one in conditions_of(driven.state, driven.mono_ns)}
    assert shown["STRATEGY_FAULT"] == a_fault().text
    driven.wait(250)
    assert driven.state.warnings.conditions.text("STRATEGY_FAULT", subject="EURUSD") == a_fault().text, (
        "the condition remains"
    )


def test_a_fault_of_another_stream_or_symbol_does_not_end_the_stream() -> None:
    driven = a_lock_step_desk()
    driven.deliver(SignalHello("other", "b", "another", "mine", ["EURUSD"], 0, 0, [a_fault()]))
    foreign = SymbolReport("XAUUSD", SymbolState.FAULT, 0, "boom")
    driven.deliver(SignalHello("other", "b", STREAM_ID, "mine", ["XAUUSD"], 0, 0, [foreign]))
    assert driven.state.stream.desk_state is DeskState.RUNNING


def test_a_lock_step_desk_reports_a_silent_signal_process_within_three_seconds() -> None:
    watched = Watched(a_lock_step_desk())
    watched.go_on(REPORTED_WITHIN_MS, ticks=False)
    assert watched.codes == ["SIGNAL_SILENT"]


def test_a_new_stream_is_not_behind_the_ticks_of_another_stream() -> None:
    feed = MarketFeed()
    feed.on_message(MarketHeartbeat("mt5", "boot", "one", 900, {"EURUSD": 500, "GBPUSD": 400}, START_NS), 1)
    feed.on_message(a_tick(ordinal=1, sequence=1, time_ns=START_NS, bid=1.1, ask=1.1001), 2)
    assert feed.published == {"EURUSD": 1}
