"""The latest denial of each symbol in the status and the account view, and the time at which the denial ends."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from proto.control import describe_denial
from proto.time import DAY_NS, HOUR_NS
from services.portfolio.core.queries.status import status_of
from services.portfolio.core.queries.views import account_view
from services.portfolio.core.risk.rules import daily_loss, news, rollover
from services.portfolio.core.risk.state import Breaker
from services.portfolio.core.risk.state_updates import update_equity_peaks
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, read_ledger
from tests.support.builders import START_NS, a_signal
from tests.unit.portfolio.decision.manual_desk import D, a_quoted_desk
from tests.unit.portfolio.risk.rule_rows import a_release
from tests.unit.portfolio.risk.scenes import MINUTE_NS, SERVER_MIDNIGHT_NS, Scene, only


def test_the_latest_denial_of_a_symbol_is_shown_across_a_restart_until_an_order_passes(tmp_path: Path) -> None:
    driven = a_quoted_desk(limits=only(breaker_losses=3))
    until_ns = START_NS + HOUR_NS
    driven.state.stream.risk.breakers["EURUSD"] = Breaker(until_ns=until_ns, run=5)
    for number in (1, 2):
        driven.answer_all(driven.deliver(a_signal(number, 1, sequence=number)))
    [line] = status_of(driven.state, driven.mono_ns).latest_denials
    assert (line.symbol, line.code, line.limit) == ("EURUSD", "CIRCUIT_BREAKER", "3 losses in a row")
    assert (line.time_ns, line.until_ns) == (a_signal(2, 1).time_ns, until_ns)
    assert describe_denial(line).startswith("EURUSD denied by CIRCUIT_BREAKER at ")
    [paused] = [one for one in status_of(driven.state, driven.mono_ns).conditions if one.code == "BREAKER_OPEN"]
    assert paused.subject == "EURUSD"
    assert paused.text.endswith("Z, 5 losses in a row")
    with closing(Ledger(tmp_path / LEDGER_FILE_NAME)) as ledger:
        ledger.commit(driven.state.account.take_events(), driven.state.account.book, driven.state.stream.persisted)
    book, kept = read_ledger(tmp_path / LEDGER_FILE_NAME)
    assert kept.cursor.latest_denials == driven.state.stream.cursor.latest_denials
    assert list(account_view(book, kept.cursor, None).last_denied) == ["EURUSD"]
    del driven.state.stream.risk.breakers["EURUSD"]
    driven.answer_all(driven.deliver(a_signal(3, 1, sequence=3)))
    status = status_of(driven.state, driven.mono_ns)
    assert status.latest_denials == []
    assert all(one.code != "BREAKER_OPEN" for one in status.conditions)


def test_a_denial_that_ends_at_a_known_time_has_this_time() -> None:
    scene = Scene(only(daily_loss_pct_max=D(2))).at(SERVER_MIDNIGHT_NS + HOUR_NS)
    for equity in (10_000, 9_700):
        update_equity_peaks(scene.state.stream.risk, D(equity), scene.now_ns)
    denial = daily_loss.check(scene.order, scene.account(), scene.now_ns)
    assert denial is not None
    assert denial.until_ns == SERVER_MIDNIGHT_NS + DAY_NS
    scene = Scene(only(rollover_pause_min=5))
    for now_ns in (SERVER_MIDNIGHT_NS - 2 * MINUTE_NS, SERVER_MIDNIGHT_NS + 3 * MINUTE_NS):
        denial = rollover.check(scene.order, scene.account(), now_ns)
        assert denial is not None
        assert denial.until_ns == SERVER_MIDNIGHT_NS + 5 * MINUTE_NS
    scene = a_release(True)
    denial = news.check(scene.order, scene.account(), scene.now_ns)
    assert denial is not None
    assert denial.until_ns == START_NS + 10 * MINUTE_NS
