"""Handlers of the commands: each becomes one request to portfolio with the caller's key and name.

Portfolio stores a command and its reply under the key before it replies. A missing reply is therefore not a refusal:
the outcome is unknown until the same request, repeated with the same key, gets the stored reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from msgspec import Struct

from proto.control import (
    CancelCommand,
    CloseCommand,
    DeskCommand,
    FlattenCommand,
    HaltCommand,
    ModifyCommand,
    OrderCommandReply,
    PlaceCommand,
    ReduceOnlyCommand,
    ResumeCommand,
    TradingReply,
    denial_message,
)
from services.web.api.bodies import CancelBody, CloseBody, ModifyBody, OrderBody, ReasonBody
from services.web.api.errors import RequestError
from services.web.api.operation import KEY_HEADER, Call
from services.web.api.schemas import ErrorView, RefusedView, UnknownOutcomeView
from services.web.desk.portfolio_client import DeskRefusedError, DeskSilentError

COMMAND_ERRORS: Final[Mapping[int, type[Struct]]] = {409: ErrorView, 422: RefusedView, 503: UnknownOutcomeView}
"""Errors of every command."""

COMMAND_TIMEOUT_S: Final = 5.0
"""Longest wait for the reply to a command; its outcome is unknown afterwards."""

KEY_USED: Final = "was used for another command"
"""End of portfolio's error for a key that another command used."""

R = TypeVar("R", TradingReply, OrderCommandReply)


async def halt(call: Call) -> TradingReply:
    """Set the trading state HALTED."""
    return await _send(call, HaltCommand(reason=_reason(call), key=call.key, person=call.user), TradingReply)


async def reduce_only(call: Call) -> TradingReply:
    """Set the trading state REDUCE_ONLY."""
    return await _send(call, ReduceOnlyCommand(reason=_reason(call), key=call.key, person=call.user), TradingReply)


async def resume(call: Call) -> TradingReply:
    """Set the trading state ACTIVE."""
    return await _send(call, ResumeCommand(reason=_reason(call), key=call.key, person=call.user), TradingReply)


async def flatten(call: Call) -> TradingReply:
    """Set the trading state HALTED and close every position."""
    return await _send(call, FlattenCommand(reason=_reason(call), key=call.key, person=call.user), TradingReply)


async def close(call: Call) -> OrderCommandReply:
    """Close a position."""
    body = call.content(CloseBody)
    return await _order(
        call,
        CloseCommand(
            key=call.key,
            person=call.user,
            reason=body.reason,
            symbol=body.symbol,
            position=body.position,
            volume=body.volume,
        ),
    )


async def order(call: Call) -> OrderCommandReply:
    """Buy or sell."""
    body = call.content(OrderBody)
    return await _order(
        call,
        PlaceCommand(
            key=call.key,
            person=call.user,
            reason=body.reason,
            symbol=body.symbol,
            side=body.side,
            volume=body.volume,
            type=body.type,
            price=body.price,
            time_in_force=body.time_in_force,
            stop_loss=body.stop_loss,
            take_profit=body.take_profit,
            trailing_stop_points=body.trailing_stop_points,
            expires_ns=body.expires_ns,
            past_rules=body.past_rules,
        ),
    )


async def cancel(call: Call) -> OrderCommandReply:
    """Cancel a resting order."""
    body = call.content(CancelBody)
    return await _order(call, CancelCommand(key=call.key, person=call.user, reason=body.reason, order_id=body.order_id))


async def modify(call: Call) -> OrderCommandReply:
    """Change a resting order or the stops of a position."""
    body = call.content(ModifyBody)
    return await _order(
        call,
        ModifyCommand(
            key=call.key,
            person=call.user,
            reason=body.reason,
            symbol=body.symbol,
            order_id=body.order_id,
            position=body.position,
            price=body.price,
            stop_loss=body.stop_loss,
            take_profit=body.take_profit,
            expires_ns=body.expires_ns,
        ),
    )


def _reason(call: Call) -> str:
    return call.content(ReasonBody).reason


async def _order(call: Call, command: DeskCommand) -> OrderCommandReply:
    reply = await _send(call, command, OrderCommandReply)
    if reply.denied:
        text = denial_message(limit=reply.limit, observed=reply.observed)
        raise RequestError(
            422,
            RefusedView(
                error=f"denied by {reply.code}: {text}",
                code=reply.code,
                limit=reply.limit,
                observed=reply.observed,
                hint=reply.hint,
                denial_id=reply.denial_id,
            ),
        )
    return reply


async def _send(call: Call, command: DeskCommand, expected: type[R]) -> R:
    live = call.backend.live
    try:
        return await live.portfolio.ask(command, expected, timeout_s=COMMAND_TIMEOUT_S)
    except DeskSilentError as error:
        raise RequestError(503, _unanswered(call, error)) from None
    except DeskRefusedError as error:
        text = str(error)
        if text.endswith(KEY_USED):
            raise RequestError(409, text) from None
        raise RequestError(422, RefusedView(error=text)) from None
    finally:
        live.watch.expire()


def _unanswered(call: Call, error: DeskSilentError) -> UnknownOutcomeView:
    if not error.was_sent:
        return UnknownOutcomeView(error=f"{error}; this request did not reach portfolio", outcome="not_sent")
    return UnknownOutcomeView(
        error=f"portfolio did not answer within {COMMAND_TIMEOUT_S:g} s: the command may have been carried out; "
        f"repeat it with {KEY_HEADER} {call.key}",
        outcome="unknown",
    )
