"""Contract terms are exported from a gateway to a file; a run accepts the file, or names the term that is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.main import run
from marketdata.instrument_files.loader import load_instruments
from services.mt5.core.simulated.fill_model import REALISTIC
from tests.support.builders import a_gateway, a_stream, an_instrument
from tests.support.socket_servers import serve_gateway
from tests.support.terminal_gateway import TerminalGateway


def test_the_export_of_a_simulated_gateway_can_be_traded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url, out = f"ipc://{tmp_path}/gw.ipc", tmp_path / "broker.toml"
    with serve_gateway(url, a_gateway(a_stream((1.1, 1.1001)), profile=REALISTIC)):
        assert run(["instruments", "export", "--url", url, "--out", str(out)]) == 0
        assert capsys.readouterr().out == f"wrote {out}: 1 symbol\n"
        assert run(["instruments", "export", "--url", url, "--symbols", "XAUUSD"]) == 0
        assert "[XAUUSD]\ndigits = 2" in capsys.readouterr().out
    assert load_instruments(str(out)).require("EURUSD") == an_instrument()
    assert run(["instruments", "check", str(out)]) == 0
    assert capsys.readouterr().out == "1 of 1 symbols can be traded\n"


def test_an_existing_file_is_replaced_only_with_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url, out = f"ipc://{tmp_path}/gw.ipc", tmp_path / "broker.toml"
    out.write_text("mine")
    with serve_gateway(url, a_gateway(a_stream((1.1, 1.1001)))):
        assert run(["instruments", "export", "--url", url, "--out", str(out)]) == 2
        message = f"paperdesk: --out {out} already exists, expected a new name, or --force to replace it\n"
        assert capsys.readouterr().err == message
        assert out.read_text() == "mine"
        assert run(["instruments", "export", "--url", url, "--out", str(out), "--force"]) == 0
    assert "[EURUSD]" in out.read_text()


def test_a_term_that_a_terminal_omits_is_a_question_mark_and_refused_by_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "broker.toml"
    with TerminalGateway(tmp_path, monkeypatch).running() as gateway:
        assert run(["instruments", "export", "--url", gateway.request_url, "--out", str(out)]) == 0
    assert capsys.readouterr().out.endswith(f'wrote {out}: 1 symbol, 7 terms "?"\n')
    lines = out.read_text().splitlines()
    assert 'swap = { mode = "POINTS", long = -6.3, short = 2.1 }' in lines
    assert {line.partition(" ")[0] for line in lines if "?" in line} == {
        "margin_rates_long", "margin_rates_short", "swap_weekdays", "commission", "trade_sessions", "quote_sessions",
        "holidays",
    }  # fmt: skip
    assert run(["instruments", "check", str(out)]) == 1
    assert f'{out}: EURUSD: margin_rates_long is "?", expected' in capsys.readouterr().out
    backtest = ["backtest", f"{tmp_path}/none.parquet:EURUSD", "--instruments", str(out)]
    assert run(backtest) == 2
    assert capsys.readouterr().err.startswith(f'paperdesk: --instruments: {out}: EURUSD: margin_rates_long is "?", ')


def test_show_prints_the_terms_of_a_symbol_with_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["instruments", "show", "DE40", "--instruments", "activtrades"]) == 0
    shown = capsys.readouterr().out
    assert "contract_size = 25" in shown
    assert "# DE40 page: https://www.activtrades.com/en/cash-indices" in shown
    assert run(["instruments", "show", "metfx"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("[")] == [
        "[US30]", "[DE40]", "[XAGUSD]",
    ]  # fmt: skip
    assert run(["instruments", "show", "AAPL"]) == 2
    assert "unknown symbol 'AAPL'" in capsys.readouterr().err


def test_brokers_differ_in_contract_size_and_swap_days() -> None:
    contracts = {
        name: load_instruments(name).require("DE40").contract_size for name in ("admirals", "metfx", "activtrades")
    }
    assert contracts == {"admirals": 1, "metfx": 10, "activtrades": 25}
    barrels = [load_instruments(name).require("USOIL").contract_size for name in ("admirals", "exness")]
    assert barrels == [100, 1_000]
    days = [load_instruments(name).require("BTCUSD").swap_weekdays for name in ("admirals", "fxj-markets")]
    assert [sum(1 for one in week if one) for week in days] == [7, 5]
    assert load_instruments("hfm").require("XAGUSD").contract_size == 1_000
