"""Helpers for tests of manual orders: a live desk with a quote, commands, and their execution."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from proto.control import CloseCommand, ControlError, ModifyCommand, OrderCommand, OrderCommandReply, PlaceCommand
from proto.trading.enums import AccountMode, OrderType, Side
from tests.support.builders import START_NS, TICK_NS, a_tick
from tests.support.desk_harness import DeskHarness, a_live_desk

D = Decimal
QUOTES = [(1.1, 1.1001)] * 400


def a_quoted_desk(mode: AccountMode = AccountMode.NETTING, **rules: Any) -> DeskHarness:
    """A live desk that has its first quote, in a market with constant prices; `rules` are fields of `DeskConfig`."""
    driven = a_live_desk(QUOTES, account_mode=mode, **rules)
    receive_tick(driven, 1)
    return driven


def receive_tick(driven: DeskHarness, ordinal: int) -> None:
    """Deliver a tick of the live feed."""
    tick = a_tick(ordinal=ordinal, sequence=ordinal, time_ns=START_NS + (ordinal - 1) * TICK_NS)
    driven.market(tick)


def an_order(**changed: Any) -> PlaceCommand:
    """A command to buy 0.02 lots of EURUSD at the market; `changed` are other fields."""
    fields: dict[str, Any] = {
        "key": "k1",
        "reason": "by hand",
        "symbol": "EURUSD",
        "side": Side.BUY,
        "volume": D("0.02"),
        "type": OrderType.MARKET,
        "price": None,
        "time_in_force": None,
        "stop_loss": None,
        "take_profit": None,
        "trailing_stop_points": 0,
        "expires_ns": 0,
    }
    return PlaceCommand(**{**fields, **changed})


def a_resting_order(**changed: Any) -> PlaceCommand:
    """A command to buy 0.02 lots of EURUSD with a limit order at 1.099; `changed` are other fields."""
    return an_order(**{"type": OrderType.LIMIT, "price": D("1.099"), **changed})


def a_modification(**changed: Any) -> ModifyCommand:
    """A command that removes the stops of the position in EURUSD; `changed` are other fields, unset ones left out."""
    fields: dict[str, Any] = {
        "key": "k9",
        "reason": "moved",
        "symbol": "EURUSD",
        "order_id": "",
        "position": 0,
        "price": None,
        "stop_loss": None,
        "take_profit": None,
        "expires_ns": 0,
    }
    return ModifyCommand(**{**fields, **changed})


def a_close(**changed: Any) -> CloseCommand:
    """A command to close the whole position in EURUSD; `changed` are other fields."""
    fields: dict[str, Any] = {"key": "close", "reason": "enough", "symbol": "EURUSD", "position": 0, "volume": None}
    return CloseCommand(**{**fields, **changed})


def reply_to(driven: DeskHarness, command: OrderCommand) -> OrderCommandReply:
    """Give a command, answer all requests that follow, and return the command's reply."""
    reply = driven.command(command)
    assert isinstance(reply, OrderCommandReply), reply
    driven.answer_all(driven.pause())
    for _ in range(3):
        driven.answer_all(driven.wait(100))
    return reply


def refused(driven: DeskHarness, command: OrderCommand) -> str:
    """Give a command that the desk refuses; return the error."""
    reply = driven.command(command)
    assert isinstance(reply, ControlError), reply
    return reply.error
