"""The equity curve has one point for each minute in which the equity was known, at its first decided tick."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from msgspec import structs

from proto.messages import Signal
from proto.trading.enums import Side
from services.mt5.core.gateway.tick_publisher import Pace
from services.portfolio.core.account.events import DealBooked
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.accounting.equity_curve import (
    POINT_EVERY_NS,
    EquityCurve,
    EquityPoint,
    equity_point,
    next_due_ns,
)
from services.portfolio.core.accounting.valuation import AccountValuation
from services.portfolio.core.risk.limits import NO_LIMITS
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, load_equity_points, read_ledger
from tests.support.builders import START_NS, a_book, a_deal, a_gateway, a_signal, a_stream, some_rules
from tests.support.desk_harness import DeskHarness

D = Decimal
QUOTES = [(1.1 + n / 10_000, 1.1001 + n / 10_000) for n in range(150)]
"""Quotes of EURUSD, one a second."""


def a_desk(gateway_desk: DeskHarness | None = None, ledger: Path | None = None) -> DeskHarness:
    """A lock-step desk without limits; with a ledger, a desk restarted from it at the gateway of an earlier desk."""
    gateway = gateway_desk.gateway if gateway_desk else a_gateway(a_stream(*QUOTES), pace=Pace(len(QUOTES), None))
    rules = some_rules(limits=NO_LIMITS)
    if ledger is None:
        driven = DeskHarness(gateway, rules=rules)
    else:
        book, kept = read_ledger(ledger)
        driven = DeskHarness(gateway, rules=rules, book=book, persisted=kept)
    driven.run_up()
    driven.gateway.on_timer(driven.now)
    return driven


def signal_at(ordinal: int) -> Signal:
    """The signal of a tick: a position is opened at tick 20 and closed at tick 100."""
    bid, ask = QUOTES[ordinal - 1]
    return a_signal(ordinal, {20: 1, 100: -1}.get(ordinal, 0), bid=bid, ask=ask)


def commit(driven: DeskHarness, ledger: Ledger) -> None:
    ledger.commit(driven.state.account.take_events(), driven.state.account.book, driven.state.stream.persisted)


def played(path: Path, *, killed_at: tuple[int, ...] = ()) -> list[EquityPoint]:
    """The points of a run that commits at orders and each tenth tick; at the ticks of `killed_at` it is restarted."""
    ledger = Ledger(path)
    driven = a_desk()
    commit(driven, ledger)
    ordinal, kills = 1, list(killed_at)
    while ordinal <= len(QUOTES):
        calls = driven.deliver(signal_at(ordinal))
        if ordinal in kills:
            kills.remove(ordinal)
            driven = a_desk(driven, path)
            ordinal = driven.state.stream.cursor.ordinal
        else:
            if calls or ordinal % 10 == 0:
                commit(driven, ledger)
            driven.answer_all(calls)
        ordinal += 1
    commit(driven, ledger)
    ledger.close()
    return load_equity_points(path)


def test_a_point_is_the_account_at_the_first_tick_of_a_minute_before_its_decision(tmp_path: Path) -> None:
    points = played(tmp_path / LEDGER_FILE_NAME)
    minutes = [START_NS // POINT_EVERY_NS + count for count in range(len(points))]
    assert [point.time_ns // POINT_EVERY_NS for point in points] == minutes
    later = range(2, len(QUOTES) + 1)
    assert [point.ordinal for point in points] == [1, *(n for n in later if signal_at(n).time_ns % POINT_EVERY_NS == 0)]
    first, second, last = points[0], points[1], points[-1]
    assert (first.balance, first.equity, first.margin) == (D(10_000), D(10_000), D(0))
    assert second.balance == D(10_000)
    assert second.margin is not None
    assert second.margin > 0
    # 0.01 lots from the ask of tick 20 to the bid of the tick of the point.
    gain = D(str(QUOTES[second.ordinal - 1][0])) - D(str(QUOTES[19][1]))
    assert second.equity == D(10_000) + (gain * 1_000).quantize(D("0.01"))
    assert (last.balance, last.margin) == (last.equity, D(0))
    assert last.balance > 10_000


def test_a_desk_that_is_killed_before_its_commits_has_the_same_points(tmp_path: Path) -> None:
    undisturbed = played(tmp_path / "undisturbed.db")
    for kill in (1, 5, 59, 61, 62, 65, 99, 121):
        assert played(tmp_path / f"{kill}.db", killed_at=(kill,)) == undisturbed, kill
    assert played(tmp_path / "often.db", killed_at=(3, 61, 121, 125)) == undisturbed


def test_the_next_tick_is_tried_if_a_position_cannot_be_valued() -> None:
    book, marks = a_book(), dict[str, Mark]()
    assert equity_point(AccountValuation(book), ordinal=7, time_ns=START_NS, marks=marks) == EquityPoint(
        time_ns=START_NS, ordinal=7, balance=D(0), equity=D(0), margin=D(0)
    )
    book.apply(DealBooked(deal=a_deal(1, Side.BUY, "0.1", "1.0990"), order_id="", closings=[]))
    assert equity_point(AccountValuation(book), ordinal=7, time_ns=START_NS, marks=marks) is None
    marks["EURUSD"] = Mark(1.1, 1.1002, START_NS)
    point = equity_point(AccountValuation(book), ordinal=7, time_ns=START_NS, marks=marks)
    assert point is not None
    assert (point.balance, point.equity) == (D(0), D("10.00"))


def test_the_next_point_is_due_in_the_following_minute() -> None:
    minute = 60_000_000_000
    assert [next_due_ns(time_ns) for time_ns in (0, 1, minute - 1, minute)] == [minute, minute, minute, 2 * minute]
    curve, point = EquityCurve(), EquityPoint(time_ns=61, ordinal=1, balance=D(1), equity=D(1), margin=None)
    curve.add(point)
    curve.add(structs.replace(point, time_ns=minute + 5))
    curve.mark_stored()
    assert (curve.unstored, curve.due_ns) == ([], 2 * minute)
