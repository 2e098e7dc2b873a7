"""The tail of a ledger shows its last events, with the terms of symbols that the desk has learned meanwhile."""

from __future__ import annotations

from pathlib import Path

from cli.screen.ledger_tail import LINES_MAX, STEP_EVENTS, LedgerTail
from services.portfolio.core.account.events import EpochTaken
from tests.support.builders import an_instrument_learned
from tests.unit.web.read_model.ledgers import ledger_by_hand


def test_the_terms_of_a_symbol_that_is_learned_later_are_used(tmp_path: Path) -> None:
    with ledger_by_hand(tmp_path) as ledger:
        tail = LedgerTail(tmp_path)
        tail.read()
        ledger.commit(an_instrument_learned("USDJPY"))
        assert "USDJPY" in tail.read()[0].text
        assert "USDJPY" in tail._book.instruments


def test_after_a_long_pause_only_the_latest_events_are_shown(tmp_path: Path) -> None:
    with ledger_by_hand(tmp_path) as ledger:
        tail = LedgerTail(tmp_path)
        last = tail.read()[0].number
        ledger.commit(*(EpochTaken(epoch=number, time_ns=number) for number in range(1, STEP_EVENTS + 500)))
        numbers = [line.number for line in tail.read()]
    end = last + STEP_EVENTS + 499
    assert numbers == list(range(end, end - LINES_MAX, -1))
