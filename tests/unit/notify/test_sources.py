"""What notify reads: a real ledger and a real alert log."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw

from proto.alert_record import AlertPhase, AlertRecord
from proto.control import Difference, Severity, StateCause, TradingState
from proto.time import HOUR_NS
from services.notify.alert_log_source import VALUE as ALERT_LOG
from services.notify.alert_log_source import AlertLogSource
from services.notify.core.inputs import EventsRead
from services.notify.ledger_source import EVENTS_PER_STEP, LedgerSource
from services.notify.ledger_source import VALUE as LEDGER
from services.portfolio.core.account.events import Event, OrderCreated, OrderDenied, Reconciled, TradingStateChanged
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.watchdog.alert_log import AlertLog
from tests.support.builders import START_NS, an_order


def denied(number: int = 1, **changed: Any) -> OrderDenied:
    fields: dict[str, Any] = {
        "symbol": "EURUSD",
        "direction": 1,
        "ordinal": 1,
        "time_ns": START_NS,
        "code": "SPREAD",
        "limit": "2",
    }
    return OrderDenied(**(fields | {"observed": f"spread {number}"} | changed))


def write(folder: Path, *events: Event) -> None:
    ledger = Ledger(folder / LEDGER_FILE_NAME)
    book, state = ledger.load()
    for event in events:
        book.apply(event)
    ledger.commit(list(events), book, state)
    ledger.close()


def read(source: LedgerSource | AlertLogSource) -> EventsRead:
    found = source.read(START_NS)
    assert found is not None
    return found


def test_a_new_file_begins_at_the_end_of_an_old_ledger(tmp_path: Path) -> None:
    write(tmp_path, denied(1))
    source = LedgerSource(tmp_path, None)
    first = read(source)
    assert first.events == []
    write(tmp_path, denied(2))
    assert [event.text for event in read(source).events] == ["BUY of EURUSD denied by SPREAD: spread 2, limit 2"]
    again = LedgerSource(tmp_path, first.values[LEDGER])
    assert len(read(again).events) == 1, "the stored place is that before the second event"


def test_a_new_desk_is_followed_from_its_first_event_also_after_a_kill(tmp_path: Path) -> None:
    place = read(LedgerSource(tmp_path, None)).values[LEDGER]
    write(tmp_path, denied())
    [event] = read(LedgerSource(tmp_path, place)).events
    assert (event.code, event.subject, event.severity, event.origin) == ("DENIAL", "EURUSD", Severity.INFO, "ledger:1")


def test_a_long_backlog_comes_in_steps(tmp_path: Path) -> None:
    source = LedgerSource(tmp_path, None)
    read(source)
    write(tmp_path, *(denied(number, cause="manual") for number in range(EVENTS_PER_STEP + 1)))
    assert [len(read(source).events) for _ in range(2)] == [EVENTS_PER_STEP, 1]
    assert source.read(START_NS) is None


def test_denials_of_a_rule_for_a_symbol_are_one_alert_until_the_rules_let_an_order_pass(tmp_path: Path) -> None:
    first = read(LedgerSource(tmp_path, None))
    write(
        tmp_path,
        denied(1, direction=1),
        denied(2, direction=-1),
        denied(3, symbol="GBPUSD"),
        denied(4, direction=1),
        denied(5, code="COOLDOWN"),
        denied(6, cause="manual"),
    )
    before = read(LedgerSource(tmp_path, first.values[LEDGER]))
    assert [event.origin for event in before.events] == ["ledger:1", "ledger:3", "ledger:5", "ledger:6"]
    assert before.figures.denials == 6
    write(tmp_path, denied(7, direction=-1), OrderCreated(order=an_order(1)), denied(8), denied(9, symbol="GBPUSD"))
    after = read(LedgerSource(tmp_path, before.values[LEDGER]))
    assert [event.origin for event in after.events] == ["ledger:9"], "what was denied is stored with the place"
    active = TradingStateChanged(state=TradingState.ACTIVE, reason="checked", by="person", time_ns=START_NS)
    write(tmp_path, active, denied(10), denied(11))
    last = read(LedgerSource(tmp_path, after.values[LEDGER]))
    assert [event.code for event in last.events] == ["TRADING_STATE", "DENIAL"]


def test_a_replaced_ledger_is_followed_from_its_end(tmp_path: Path) -> None:
    source = LedgerSource(tmp_path, None)
    read(source)
    write(tmp_path, denied(1), denied(2))
    read(source)
    (tmp_path / LEDGER_FILE_NAME).unlink()
    write(tmp_path, denied(3))
    assert source.read(START_NS) is None
    [event] = read(source).events
    assert (event.code, event.severity, event.phase) == ("LEDGER_REPLACED", Severity.WARNING, AlertPhase.MOMENT)
    assert "it ends at event 1; events up to 1 made no alerts" in event.text
    assert source.read(START_NS) is None
    write(tmp_path, denied(4))
    assert len(read(source).events) == 1


def test_a_ledger_that_is_missing_or_damaged_is_a_problem_until_it_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / LEDGER_FILE_NAME
    source = LedgerSource(tmp_path, None)
    assert (read(source).events, source.read(START_NS), source.problem) == ([], None, ""), "a new desk has none yet"
    write(tmp_path, denied(1))
    read(source)
    whole = path.read_bytes()
    path.write_bytes(b"no database" * 100)
    assert source.read(START_NS) is None
    assert str(path) in source.problem
    path.unlink()
    assert source.read(START_NS) is None
    assert source.problem == f"{path} is missing, expected the ledger that was followed"
    path.write_bytes(whole)
    write(tmp_path, denied(2, symbol="GBPUSD"))
    assert len(read(source).events) == 1
    assert source.problem == ""


def test_a_ledger_that_is_replaced_and_then_missing_is_not_followed_from_its_beginning(tmp_path: Path) -> None:
    source = LedgerSource(tmp_path, None)
    read(source)
    write(tmp_path, denied(1), denied(2))
    read(source)
    (tmp_path / LEDGER_FILE_NAME).unlink()
    write(tmp_path, denied(3))
    assert source.read(START_NS) is None
    (tmp_path / LEDGER_FILE_NAME).unlink()
    assert source.read(START_NS) is None
    write(tmp_path, denied(4))
    assert [event.code for event in read(source).events] == ["LEDGER_REPLACED"]


def test_a_change_of_the_trading_state_names_every_cause(tmp_path: Path) -> None:
    source = LedgerSource(tmp_path, None)
    read(source)
    causes = [StateCause("DRAWDOWN", "risk", "5 %, limit 4 %"), StateCause("REJECTS", "risk", "9 a minute, limit 5")]
    halted = TradingStateChanged(state=TradingState.HALTED, reason="both", by="risk", time_ns=START_NS, causes=causes)
    active = TradingStateChanged(state=TradingState.ACTIVE, reason="checked", by="person", time_ns=START_NS)
    write(tmp_path, halted, active)
    begun, resumed = read(source).events
    assert begun.text == "trading is HALTED, by risk: DRAWDOWN: 5 %, limit 4 %; REJECTS: 9 a minute, limit 5"
    assert (begun.phase, begun.severity, begun.replaces) == (AlertPhase.BEGAN, Severity.CRITICAL, True)
    assert (resumed.phase, resumed.severity, resumed.replaces) == (AlertPhase.MOMENT, Severity.INFO, True)


def test_differences_begin_and_end(tmp_path: Path) -> None:
    source = LedgerSource(tmp_path, None)
    read(source)
    difference = Difference(kind="missing_deal", subject="7", ledger="none", venue="0.1", remedy="")
    write(
        tmp_path,
        Reconciled(ordinal=1, at_end=False, balance=Decimal(0), differences=[difference]),
        Reconciled(ordinal=2, at_end=False, balance=Decimal(0), differences=[]),
    )
    assert [event.phase for event in read(source).events] == [AlertPhase.BEGAN, AlertPhase.ENDED]


def a_record(**changed: object) -> AlertRecord:
    fields: dict[str, object] = {"time_ns": START_NS, "phase": AlertPhase.MOMENT, "code": "PROCESS_LOST"}
    fields |= {"subject": "signal", "severity": Severity.WARNING, "text": "signal died"}
    return AlertRecord(**{**fields, **changed})  # type: ignore[arg-type]


def log_of(folder: Path, *records: AlertRecord) -> None:
    log = AlertLog(folder)
    log.open()
    log.write(records)
    log.close()


def test_records_are_read_once_and_causes_of_the_trading_state_left_out(tmp_path: Path) -> None:
    log_of(tmp_path, a_record())
    source = AlertLogSource(tmp_path, None)
    first = read(source)
    assert first.events == []
    log_of(
        tmp_path,
        a_record(text="again"),
        a_record(phase=AlertPhase.BEGAN, code="DRAWDOWN", subject="", severity=Severity.CRITICAL),
        a_record(phase=AlertPhase.BEGAN, code="FEED_STALE", subject="", severity=Severity.CRITICAL),
    )
    second = read(source)
    assert [event.code for event in second.events] == ["PROCESS_LOST", "FEED_STALE"]
    assert source.read(START_NS) is None
    assert len(read(AlertLogSource(tmp_path, first.values[ALERT_LOG])).events) == 2
    assert AlertLogSource(tmp_path, second.values[ALERT_LOG]).read(START_NS) is None


def test_of_a_replaced_log_only_recent_records_are_sent(tmp_path: Path) -> None:
    log_of(tmp_path, a_record(), a_record(), a_record())
    source = AlertLogSource(tmp_path, None)
    read(source)
    (tmp_path / "alert_log.db").unlink()
    log_of(tmp_path, a_record(time_ns=START_NS - 2 * HOUR_NS, text="old"), a_record(text="new"))
    assert [event.text for event in read(source).events] == ["new"]


def test_a_damaged_log_is_reported_and_read_when_it_is_whole_again(tmp_path: Path) -> None:
    (tmp_path / "alert_log.db").write_bytes(b"no database" * 100)
    source = AlertLogSource(tmp_path, b'{"number":0}')
    assert source.read(START_NS) is None
    assert "alert_log.db" in source.problem
    (tmp_path / "alert_log.db").unlink()
    log_of(tmp_path, a_record())
    assert len(read(source).events) == 1
    assert source.problem == ""


def test_a_log_with_other_records_is_recognized_also_when_it_has_more_of_them(tmp_path: Path) -> None:
    log_of(tmp_path, a_record())
    source = AlertLogSource(tmp_path, None)
    place = read(source).values[ALERT_LOG]
    (tmp_path / "alert_log.db").unlink()
    log_of(tmp_path, a_record(text="first"), a_record(text="second"))
    assert [event.text for event in read(source).events] == ["first", "second"]
    assert source.read(START_NS) is None
    assert [event.text for event in read(AlertLogSource(tmp_path, place)).events] == ["first", "second"]


def test_a_log_that_is_missing_for_a_moment_is_a_problem_and_sends_nothing_again(tmp_path: Path) -> None:
    log_of(tmp_path, a_record())
    source = AlertLogSource(tmp_path, None)
    read(source)
    path = tmp_path / "alert_log.db"
    path.rename(tmp_path / "away.db")
    assert source.read(START_NS) is None
    assert source.problem == f"{path} is missing, expected the file with record 1"
    (tmp_path / "away.db").rename(path)
    assert source.read(START_NS) is None
    assert source.problem == ""


def test_a_log_without_the_last_record_that_was_read_continues_after_it(tmp_path: Path) -> None:
    log_of(tmp_path, *(a_record(text=str(number)) for number in range(3)))
    source = AlertLogSource(tmp_path, b'{"number":1,"checksum":7}')
    assert [event.text for event in read(source).events] == ["0", "1", "2"], "another log"
    db = apsw.Connection(str(tmp_path / "alert_log.db"))
    db.execute("DELETE FROM records WHERE number = 1")
    db.close()
    source = AlertLogSource(tmp_path, b'{"number":1,"checksum":7}')
    assert [event.text for event in read(source).events] == ["1", "2"], "its oldest records were removed"
