"""Orders by hand: the commands that are sent, the refusals before sending, and the error if there is no reply."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import UNSET, structs

from cli.command_options import login_name
from cli.main import run
from proto.control import (
    CancelCommand,
    CloseCommand,
    ControlError,
    ControlReply,
    ControlRequest,
    ModifyCommand,
    OrderCommandReply,
    OrdersQuery,
    PlaceCommand,
    TradingReply,
    TradingState,
)
from proto.control.views import OrdersReply
from proto.trading.enums import OrderType, Side, TimeInForce
from services.portfolio.core.queries.views import order_row
from tests.support.builders import an_order
from tests.support.socket_servers import serve_control

D = Decimal
NOON_NS = 1_795_780_800_000_000_000
"""2026-11-27 12:00 UTC."""


def obeyed(request: ControlRequest) -> ControlReply:
    """The replies of a desk that accepts every command; it has a resting order."""
    match request:
        case OrdersQuery():
            resting = an_order(
                7,
                type=OrderType.LIMIT,
                limit_price=D("1.05"),
                stop_loss=D("1.04"),
                take_profit=D("1.2"),
                expires_ns=NOON_NS,
            )
            return OrdersReply(total=1, next=0, rows=[order_row(resting)] if request.after < 7 else [])
        case PlaceCommand() | CloseCommand() | CancelCommand() | ModifyCommand():
            return OrderCommandReply(key=request.key, order_ids=["0123-000009"], denied=False)
        case _:
            return TradingReply(trading_state=TradingState.HALTED, trading_reason="x", closing=["EURUSD"])


def denied(request: ControlRequest) -> ControlReply:
    assert isinstance(request, PlaceCommand)
    return OrderCommandReply(
        key=request.key,
        order_ids=[],
        denied=True,
        code="ORDER_VOLUME",
        limit="1 lots",
        observed="5 lots",
        denial_id="live-mk1",
    )


def sent(tmp_path: Path, line: str, answer: Callable[[ControlRequest], ControlReply | None] = obeyed) -> ControlRequest:
    """The last request that a command line sends to a desk."""
    url = f"ipc://{tmp_path}/c.ipc"
    with serve_control(url, answer) as requests:
        assert run([*line.split(), "--reason", "a test", "--url", url]) == 0
    return requests[-1]


def test_a_market_order_is_sent_with_its_stops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "order buy EURUSD --volume 0.10 --sl 1.05 --tp 1.2 --trailing 150 --tif FOK --key mine"
    assert sent(tmp_path, line) == PlaceCommand(
        key="mine",
        reason="a test",
        person=login_name(),
        symbol="EURUSD",
        side=Side.BUY,
        volume=D("0.10"),
        type=OrderType.MARKET,
        price=None,
        time_in_force=TimeInForce.FOK,
        stop_loss=D("1.05"),
        take_profit=D("1.2"),
        trailing_stop_points=150,
        expires_ns=0,
    )
    assert capsys.readouterr().out == "BUY 0.1 EURUSD accepted: 0123-000009\n"


@pytest.mark.parametrize(
    ("option", "type_", "time_in_force", "expires_ns"),
    [
        ("--limit 1.05", OrderType.LIMIT, None, 0),
        ("--stop 1.05 --tif DAY", OrderType.STOP, TimeInForce.DAY, 0),
        ("--limit 1.05 --expires 2026-11-27T12:00Z", OrderType.LIMIT, TimeInForce.GTD, NOON_NS),
        ("--limit 1.05 --tif GTD --expires 2026-11-27T13:00+01:00", OrderType.LIMIT, TimeInForce.GTD, NOON_NS),
    ],
)
def test_a_resting_order_is_sent_with_its_price_time_in_force_and_expiry(
    tmp_path: Path, option: str, type_: OrderType, time_in_force: TimeInForce | None, expires_ns: int
) -> None:
    command = sent(tmp_path, f"order sell EURUSD --volume 1 {option}")
    assert isinstance(command, PlaceCommand)
    assert (command.side, command.type, command.price) == (Side.SELL, type_, D("1.05"))
    assert (command.time_in_force, command.expires_ns) == (time_in_force, expires_ns)


def test_every_command_has_a_new_key_unless_one_is_given(tmp_path: Path) -> None:
    first, second = (sent(tmp_path, "order cancel 0123-000007") for _ in range(2))
    assert isinstance(first, CancelCommand)
    assert first.person == login_name()
    assert isinstance(second, CancelCommand)
    assert len({first.key, second.key, ""}) == 3
    assert first.order_id == "0123-000007"


def test_a_position_is_closed_in_full_or_in_part(tmp_path: Path) -> None:
    whole, part = (
        sent(tmp_path, "close EURUSD --key a"),
        sent(tmp_path, "close EURUSD --position 5 --volume 0.02 --key a"),
    )
    person = login_name()
    assert whole == CloseCommand(key="a", reason="a test", person=person, symbol="EURUSD", position=0, volume=None)
    assert part == structs.replace(whole, position=5, volume=D("0.02"))


def test_a_modification_leaves_out_the_terms_whose_options_are_not_given(tmp_path: Path) -> None:
    command = sent(tmp_path, "order modify 01234567-000007 --price 1.06 --key a")
    assert isinstance(command, ModifyCommand)
    assert command == ModifyCommand(
        key="a",
        reason="a test",
        person=login_name(),
        symbol="EURUSD",
        order_id="01234567-000007",
        position=0,
        price=D("1.06"),
        expires_ns=0,
    )
    assert (command.stop_loss, command.take_profit) == (UNSET, UNSET)


def test_none_removes_a_stop_and_the_other_is_left_out(tmp_path: Path) -> None:
    command = sent(tmp_path, "order modify --position EURUSD --sl none")
    assert isinstance(command, ModifyCommand)
    assert (command.symbol, command.order_id, command.stop_loss, command.take_profit) == ("EURUSD", "", None, UNSET)
    ticket = sent(tmp_path, "order modify --position EURUSD:12 --sl 1.02")
    assert isinstance(ticket, ModifyCommand)
    assert (ticket.position, ticket.stop_loss, ticket.take_profit) == (12, D("1.02"), UNSET)


def test_a_denied_order_shows_the_limit_and_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"ipc://{tmp_path}/c.ipc"
    line = ["order", "buy", "EURUSD", "--volume", "5", "--reason", "x", "--url", url]
    with serve_control(url, denied):
        assert run(line) == 1
        assert capsys.readouterr().out == "DENIED by ORDER_VOLUME: 5 lots, limit 1 lots (denial live-mk1)\n"
        assert run([*line, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["code"], found["denial_id"]) == ("ORDER_VOLUME", "live-mk1")


def test_a_denial_by_a_halted_desk_shows_the_trading_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"ipc://{tmp_path}/c.ipc"
    reply = OrderCommandReply(
        key="k1", order_ids=[], denied=True, code="HALTED", limit=TradingState.ACTIVE, observed=TradingState.HALTED
    )
    with serve_control(url, lambda _: reply):
        assert run(["order", "buy", "EURUSD", "--volume", "1", "--reason", "x", "--url", url]) == 1
    assert capsys.readouterr().out == "DENIED by HALTED: the desk is HALTED, expected ACTIVE\n"


def test_a_command_without_a_reply_shows_the_key_for_a_repetition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"ipc://{tmp_path}/c.ipc"
    with serve_control(url, lambda _: None):
        assert run(["close", "EURUSD", "--reason", "x", "--key", "k-1", "--url", url]) == 2
    error = capsys.readouterr().err
    assert error == (
        f"paperdesk: {url} did not answer within 1 s; the outcome is unknown, "
        "repeat the command with --key k-1: it is executed once\n"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("order buy EURUSD --volume x", "--volume is 'x', expected a number above 0"),
        ("order buy EURUSD --volume -1", "--volume is '-1', expected a number above 0"),
        ("order buy EURUSD --volume 0", "--volume is '0', expected a number above 0"),
        ("order buy EURUSD --volume nan", "--volume is 'nan', expected a number above 0"),
        ("order buy EURUSD --volume 1e99", "--volume is '1e99', expected a number above 0"),
        ("order buy EURUSD --volume 1_0", "--volume is '1_0', expected a number above 0 in ASCII digits, such as 0.01"),
        ("order buy EURUSD --volume 1 --limit 1.0_8", "--limit is '1.0_8', expected a number above 0"),
        ("order buy EURUSD --volume 1 --trailing 1_0", "'1_0', expected a whole number of ASCII digits such as 1000"),
        ("order buy ! --volume 1", "SYMBOL is '!', expected a symbol such as EURUSD"),
        ("order buy EURUSD --volume 1 --limit 1 --stop 2", "--limit 1 with --stop 2, expected one of the two"),
        ("order buy EURUSD --volume 1 --tif GTC", "--tif GTC without --limit or --stop"),
        ("order buy EURUSD --volume 1 --limit 1 --tif GTD", "--tif GTD with no --expires"),
        ("order buy EURUSD --volume 1 --limit 1 --tif DAY --expires 2026-11-27T12:00Z", "--tif DAY with --expires"),
        (
            "order buy EURUSD --volume 1 --limit 1 --expires tomorrow",
            "--expires is 'tomorrow', expected a time such as",
        ),
        ("order buy EURUSD --volume 1 --limit 1 --expires 2026-11-27T12:00", "without a time zone"),
        ("order buy EURUSD --volume 1 --tif NOW", "NOW"),
        ("order modify", "expected one of the two"),
        ("order modify 0123-000001 --position EURUSD --sl 1", "expected one of the two"),
        ("order modify 0123-000001", "nothing to change, expected --sl or --tp"),
        ("order modify --position EURUSD --price 1", "a position has no other terms"),
        ("order modify --position EURUSD:x --sl 1", "the ticket is 'x', expected a whole number above 0"),
        ("order modify 0123-000008 --sl 1", "there is no order 0123-000008"),
        ("order modify nonsense --sl 1", "there is no order nonsense"),
        (f"order cancel {'x' * 65}", "ID has 65 characters, expected 1 to 64"),
        (f"close EURUSD --key {'x' * 65}", "--key has 65 characters, expected 1 to 64"),
    ],
)
def test_invalid_options_are_refused_in_one_line_and_no_command_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    url = f"ipc://{tmp_path}/c.ipc"
    with serve_control(url, obeyed) as requests:
        assert run([*line.split(), "--reason", "x", "--url", url]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not any(
        isinstance(request, PlaceCommand | CloseCommand | CancelCommand | ModifyCommand) for request in requests
    )


@pytest.mark.parametrize("command", ["halt", "reduce-only", "resume", "flatten"])
def test_a_change_of_the_trading_state_is_reported_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    request = sent(tmp_path, f"{command} --json")
    assert request.reason == "a test"  # type: ignore[union-attr]  # all four commands have a reason
    assert json.loads(capsys.readouterr().out) == {
        "closing": ["EURUSD"],
        "trading_reason": "x",
        "trading_state": "HALTED",
    }


def test_a_stopped_desk_accepts_no_orders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ledger.db").touch()
    assert run(["close", "EURUSD", "--reason", "x", "--data-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert (
        error
        == f"paperdesk: the control socket of {tmp_path} is not known, expected a running desk; nothing was done\n"
    )


def test_the_output_of_a_modification_has_the_order_id_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def obeyed_by_name(request: ControlRequest) -> ControlReply:
        if isinstance(request, ModifyCommand):
            return OrderCommandReply(key=request.key, order_ids=[request.order_id], denied=False)
        return obeyed(request)

    sent(tmp_path, "order modify 01234567-000007 --price 1.06", obeyed_by_name)
    assert capsys.readouterr().out == "change of 01234567-000007 accepted\n"


def refuse_close(request: ControlRequest) -> ControlReply:
    return ControlError(error="there is no position in EURUSD to close")


def test_a_refusal_has_the_name_of_the_command_and_not_of_a_class(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"ipc://{tmp_path}/c.ipc"
    with serve_control(url, refuse_close):
        assert run(["close", "EURUSD", "--reason", "x", "--url", url]) == 2
    output = capsys.readouterr()
    assert output.err == f"paperdesk: {url} refused CLOSE: there is no position in EURUSD to close\n"
    assert output.out == ""


@pytest.mark.parametrize(
    "line",
    ["close EURUSD --reason x", "orders", "positions", "account", "risk", "why EURUSD", "halt --reason x"],
)
def test_a_refusal_by_the_desk_with_json_is_json(tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str) -> None:
    url = f"ipc://{tmp_path}/c.ipc"
    with serve_control(url, refuse_close):
        assert run([*line.split(), "--json", "--url", url]) == 2
    output = capsys.readouterr()
    error = json.loads(output.out)
    assert list(error) == ["error"]
    assert output.err == f"paperdesk: {error['error']}\n"


@pytest.mark.parametrize(
    "line", ["orders --json --nonsense", "order buy EURUSD --json", "orders --json --data-dir gone"]
)
def test_a_usage_error_with_json_is_json(capsys: pytest.CaptureFixture[str], line: str) -> None:
    assert run(line.split()) == 2
    assert json.loads(capsys.readouterr().out)["error"]


def test_a_usage_error_is_text_if_the_option_json_takes_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["crash-points", "--json", str(tmp_path / "gone" / "counts.json")]) == 2
    assert capsys.readouterr().out == ""
