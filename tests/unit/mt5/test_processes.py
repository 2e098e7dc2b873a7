"""The gateway refuses to start with an unknown symbol, without the book of its journal, or as a second process."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from common.errors import StartError
from common.project_root import ENV_FILE_VARIABLE
from common.settings import load
from services.mt5.__main__ import VENUES
from services.mt5.core.gateway.journal import Effect
from services.mt5.settings import Mt5Settings
from services.mt5.simulated_process import serve
from services.mt5.stores.journal_store import DurableJournal
from tests.unit.mt5.builders import a_stream


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mt5Settings:
    """Settings with all files in the test's folder."""
    monkeypatch.setenv(ENV_FILE_VARIABLE, "")
    monkeypatch.setenv("PAPERDESK_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MT5_REQUEST_URL", "tcp://127.0.0.1:*")
    monkeypatch.setenv("MT5_PUBLISH_URL", "tcp://127.0.0.1:*")
    return load(Mt5Settings)


def test_the_setting_names_every_venue_that_can_be_served() -> None:
    assert get_args(Mt5Settings.model_fields["mt5_venue"].annotation) == ("none", *VENUES)


def test_a_journal_without_its_book_is_refused(settings: Mt5Settings, tmp_path: Path) -> None:
    """The journal's replies would report fills that the account does not have."""
    journal = DurableJournal(tmp_path / "venue" / "journal.db", new_id="j", account="paper-USD")
    journal.record_calling("A-1", Effect("BUY", "EURUSD", Decimal(1)), ordinal=1)
    journal.close()
    with pytest.raises(StartError, match=r"journal\.db has 1 orders and book\.db is new"):
        serve(settings, a_stream(1.1))


def test_a_symbol_that_the_broker_does_not_trade_is_refused(settings: Mt5Settings) -> None:
    with pytest.raises(StartError, match="unknown symbol 'AAPL', expected a pair"):
        serve(settings, a_stream(100.0, symbol="AAPL"))


def test_a_second_gateway_on_one_account_is_refused(settings: Mt5Settings, tmp_path: Path) -> None:
    first = DurableJournal(tmp_path / "venue" / "journal.db", new_id="j", account="paper-USD")
    with pytest.raises(StartError, match="in use by another process"):
        serve(settings, a_stream(1.1))
    first.close()
