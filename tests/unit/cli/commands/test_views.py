"""Queries of a running desk and of its ledger have the same rows, and a missing reply is reported after a second."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from marketdata.files.tick_input import TickInput
from proto.control import ControlReply, ControlRequest, ViewQuery
from research import ledger_views
from research.backtest import run_backtest
from research.run_spec import RunSpec
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.risk.limits import DEFAULT_LIMITS
from services.portfolio.core.state.portfolio_state import compose_state
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger
from services.portfolio.query_handler import answer_query
from tests.support.builders import some_rules
from tests.support.socket_servers import serve_control
from tests.support.tick_files import a_tick_file


@dataclass(frozen=True)
class TradedDesk:
    """A desk that has traded: its folder, and its control socket."""

    folder: Path
    url: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a desk that has made more orders than a page has rows."""
    base = tmp_path_factory.mktemp("desk")
    ticks = a_tick_file(base / "walk.parquet", rows=700)
    spec = RunSpec(
        inputs=(TickInput(ticks, "EURUSD"),),
        strategy="tests.support.flipping:Flipping",
        risk="none",
        on_opposite=OnOpposite.REVERSE,
    )
    folder = base / "data"
    folder.mkdir()
    run_backtest(spec, spec.load(), data_dir=folder)
    return folder


@pytest.fixture
def traded_desk(folder: Path, tmp_path: Path) -> Iterator[TradedDesk]:
    book, kept = read_ledger(folder / LEDGER_FILE_NAME)
    state = compose_state(config=some_rules(limits=DEFAULT_LIMITS), book=book, persisted=kept, incarnation="live")

    def answer(request: ControlRequest) -> ControlReply:
        assert isinstance(request, ViewQuery)
        return answer_query(state, request, folder / LEDGER_FILE_NAME, 0)

    url = f"ipc://{tmp_path}/c.ipc"
    with serve_control(url, answer):
        yield TradedDesk(folder, url)


def output_of(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """The output of a command."""
    assert run(list(arguments)) == code
    return capsys.readouterr().out


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(output_of(capsys, *arguments, "--json"))


@pytest.mark.parametrize("what", ["orders", "fills", "deals", "positions", "account"])
def test_a_running_desk_and_its_ledger_give_the_same_rows(
    traded_desk: TradedDesk, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    live = rows(capsys, what, "--url", traded_desk.url)
    assert live == rows(capsys, what, "--data-dir", str(traded_desk.folder))
    assert live


def test_several_pages_of_orders_come_complete_and_in_order(
    traded_desk: TradedDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rows(capsys, "orders", "--url", traded_desk.url)
    assert len(found) > 100
    assert [row["number"] for row in found] == list(range(1, len(found) + 1))
    last = rows(capsys, "orders", "--url", traded_desk.url, "--last", "3")
    assert last == found[-3:]
    assert rows(capsys, "orders", "--url", traded_desk.url, "--last", "101") == found[-101:]


def test_a_table_shows_the_latest_rows_and_the_total(
    traded_desk: TradedDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    output = output_of(capsys, "fills", "--url", traded_desk.url, "--last", "2")
    total = len(ledger_views.deals(traded_desk.folder, trades_only=True))
    assert f"last 2 of {total:,}; --last N shows more rows, --json all rows" in output


def test_the_limits_of_a_running_desk_have_their_headroom(
    traded_desk: TradedDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rows(capsys, "risk", "--url", traded_desk.url)
    assert {"GROSS_EXPOSURE", "PRICE_COLLAR"} <= {row["code"] for row in found}
    assert any(row["headroom"].endswith("orders") for row in found)
    assert "limits default; trading is ACTIVE" in output_of(capsys, "risk", "--url", traded_desk.url)


def test_why_gives_the_same_chain_from_the_socket_and_the_ledger(
    traded_desk: TradedDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    order = ledger_views.orders(traded_desk.folder)[4]
    live = rows(capsys, "why", order["order_id"], "--url", traded_desk.url)
    assert live == rows(capsys, "why", order["order_id"], "--data-dir", str(traded_desk.folder))
    assert [step["name"] for step in live["steps"]][:4] == ["tick", "signal", "decision", "order"]
    page = output_of(capsys, "why", "deal", "7", "--url", traded_desk.url)
    assert page.splitlines()[0] == "deal 7"
    assert "position before" in page


def test_why_of_an_unknown_id_is_one_line(traded_desk: TradedDesk, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["why", "nonsense", "--url", traded_desk.url]) == 2
    assert "'nonsense' is unknown, expected the id of an order" in capsys.readouterr().err
    assert run(["why", "x" * 65, "--url", traded_desk.url]) == 2
    assert "ID has 65 characters, expected 1 to 64" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["orders", "fills", "trades", "equity"])
def test_an_export_is_the_same_from_the_socket_and_from_the_ledger(
    traded_desk: TradedDesk, capsys: pytest.CaptureFixture[str], tmp_path: Path, what: str
) -> None:
    live = output_of(capsys, "export", what, "--url", traded_desk.url)
    out = tmp_path / f"{what}.csv"
    output = output_of(capsys, "export", what, "--data-dir", str(traded_desk.folder), "--out", str(out))
    assert out.read_text() == live
    assert output == f"{len(live.splitlines()) - 1} rows of {what} in {out}\n"
    found = rows(capsys, "export", what, "--url", traded_desk.url)
    assert len(list(csv.DictReader(io.StringIO(live)))) == len(found) > 0


def test_an_export_in_parquet_needs_a_file(
    traded_desk: TradedDesk, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["export", "trades", "--format", "parquet", "--url", traded_desk.url]) == 2
    assert "--format parquet without --out" in capsys.readouterr().err
    out = tmp_path / "trades.parquet"
    output_of(capsys, "export", "trades", "--format", "parquet", "--out", str(out), "--url", traded_desk.url)
    assert out.read_bytes()[:4] == b"PAR1"


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_another_format_with_json_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str) -> None:
    out = tmp_path / "orders"
    assert run(["export", "orders", "--format", form, "--json", "--out", str(out), "--data-dir", str(tmp_path)]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error == f"--format {form} with --json, expected no --format: --json means --format json"
    assert not out.exists()


def test_an_export_into_a_file_is_reported_as_text_or_json(
    traded_desk: TradedDesk, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "orders.json"
    arguments = ("export", "orders", "--url", traded_desk.url, "--out", str(out))
    output = output_of(capsys, *arguments, "--format", "json")
    written = json.loads(out.read_text())
    assert output == f"{len(written)} rows of orders in {out}\n"
    found = json.loads(output_of(capsys, *arguments, "--json", "--force"))
    assert found == {"what": "orders", "rows": len(written), "out": str(out)}
    assert json.loads(out.read_text()) == written


@pytest.mark.parametrize("command", [["orders"], ["risk"], ["why", "EURUSD"]])
def test_a_desk_that_does_not_answer_is_reported_after_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    url = f"ipc://{tmp_path}/c.ipc"
    with serve_control(url, lambda _: None):
        began = time.monotonic()
        assert run([*command, "--url", url]) == 2
        assert time.monotonic() - began < 5.0
    error = capsys.readouterr().err
    assert error.startswith(f"paperdesk: {url} did not answer within 1 s; ")


def test_the_ledger_of_a_stopped_desk_is_read_with_a_notice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["orders", "--data-dir", str(folder), "--last", "1"]) == 0
    output = capsys.readouterr()
    assert output.err == f"the desk is not running; read from the ledger in {folder}, as of its last commit\n"


def test_risk_with_limits_of_an_option_needs_a_data_folder(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["risk", "--risk", "none", "--url", f"ipc://{tmp_path}/c.ipc"]) == 2
    assert "--risk none without --data-dir" in capsys.readouterr().err
    rows = json.loads(output_of(capsys, "risk", "--risk", "none", "--data-dir", str(folder), "--json"))
    assert [row["code"] for row in rows] == ["FOREIGN_ORDERS"], "the limits are those of the option"


def test_the_budgets_of_a_plan_are_read_from_its_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The ledger has only the name of a desk's plan; the budgets are in the plan's file."""
    plan = tmp_path / "plan.toml"
    plan.write_text('[strategies.trend]\nsymbols = ["EURUSD"]\nvolume_max = 3\n')
    spec = RunSpec(
        inputs=(TickInput(a_tick_file(tmp_path / "walk.parquet", rows=300), "EURUSD"),),
        strategy="tests.support.flipping:Flipping",
        risk="none",
        plan=str(plan),
    )
    folder = tmp_path / "data"
    folder.mkdir()
    run_backtest(spec, spec.load(), data_dir=folder)
    assert run(["risk", "--data-dir", str(folder)]) == 2
    assert "expected --plan FILE" in capsys.readouterr().err
    shown = rows(capsys, "risk", "--data-dir", str(folder), "--plan", str(plan))
    assert [(row["subject"], row["limit"]) for row in shown if row["code"] == "STRATEGY_VOLUME"] == [
        ("trend", "3 lots")
    ]
    assert run(["risk", "--url", f"ipc://{tmp_path}/c.ipc", "--plan", str(plan)]) == 2
    assert "without --data-dir, expected --data-dir DIR with the ledger" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--risk", "--plan"])
def test_a_missing_file_of_limits_or_of_a_plan_is_refused(
    option: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["run", option, "nowhere.toml", "--data-dir", str(tmp_path / "desk")]) == 2
    assert f"{option} is 'nowhere.toml', expected" in capsys.readouterr().err


def test_a_plan_for_a_symbol_that_is_not_traded_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plan, folder = tmp_path / "plan.toml", tmp_path / "desk"
    plan.write_text('[strategies.a]\nsymbols = ["NOPE"]\n')
    assert run(["run", "--plan", str(plan), "--symbols", "EURUSD,NZDUSD", "--data-dir", str(folder)]) == 2
    expected = "strategies.a.symbols has NOPE, expected symbols that are traded: EURUSD, NZDUSD"
    assert capsys.readouterr().err == f"paperdesk: --plan: {plan}: {expected}\n"


def test_an_invalid_value_in_a_limits_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text('foreign_orders = "trust"\n')
    assert run(["run", "--risk", str(limits), "--data-dir", str(tmp_path / "desk")]) == 2
    error = capsys.readouterr().err
    assert "foreign_orders is 'trust', expected 'halt', 'adopt' or 'ignore'" in error
    assert "foreign_orders" in error
