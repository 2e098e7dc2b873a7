"""Commands on the trading state: halt, reduce only, resume, flatten.

Each command is recorded as one event, and its reply is sent when the event is durable. A refused command has no event,
so a repeat is decided again. FLATTEN only sets the trading state; while that state lasts, also after a restart,
`live_scheduler.py` closes the positions.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, UnsetType

from proto.control import (
    ControlError,
    FlattenCommand,
    HaltCommand,
    ReduceOnlyCommand,
    ResumeCommand,
    TradingCommand,
    TradingReply,
    TradingState,
)
from services.portfolio.core.account.events import StateCommand
from services.portfolio.core.account.foreign_orders import own_position
from services.portfolio.core.account.state_causes import PERSON
from services.portfolio.core.decision.idempotency import command_digest, previous_trading_reply
from services.portfolio.core.state.account import AccountState
from services.portfolio.core.state.portfolio_state import PortfolioState

_STATE_AFTER: Final[dict[type[TradingCommand], TradingState]] = {
    HaltCommand: TradingState.HALTED,
    ReduceOnlyCommand: TradingState.REDUCE_ONLY,
    ResumeCommand: TradingState.ACTIVE,
    FlattenCommand: TradingState.HALTED,
}


def apply_trading_command(state: PortfolioState, command: TradingCommand) -> TradingReply | ControlError:
    """Apply a person's command to the trading state; a repeated command gets the stored reply and changes nothing."""
    if (previous := previous_trading_reply(state.account.book, command)) is not None:
        return previous
    closing = _open_symbols(state) if isinstance(command, FlattenCommand) else []
    given = _state_command(command, closing)
    match command:
        case HaltCommand():
            state.account.set_trading_state(TradingState.HALTED, "PERSON", command.reason, by=PERSON, command=given)
        case ResumeCommand() | ReduceOnlyCommand() if state.warnings.ledger_fault:
            return ControlError(
                error=f"the ledger is damaged: {state.warnings.ledger_fault}; restore it from a backup"[:500]
            )
        case ResumeCommand() | ReduceOnlyCommand() if state.warnings.venue_fault:
            return ControlError(error=state.warnings.venue_fault[:500])
        case ReduceOnlyCommand() if graver := _causes_of_a_halt(state.account):
            return ControlError(
                error=f"the desk is HALTED by {graver}, and REDUCE_ONLY would allow more; "
                "`paperdesk close` closes a position in this state, `paperdesk resume` ends it"
            )
        case ReduceOnlyCommand():
            state.account.set_trading_state(
                TradingState.REDUCE_ONLY, "PERSON", command.reason, by=PERSON, command=given
            )
        case ResumeCommand():
            state.account.resume_trading(command.reason, by=PERSON, command=given)
            state.warnings.on_resume()
            state.lease.reclaim_leadership()
        case FlattenCommand():
            if not state.stream.is_live:
                return ControlError(error="FLATTEN needs a live market: a lock-step stream trades only at its ticks")
            state.account.set_trading_state(
                TradingState.HALTED, "PERSON", command.reason, by=PERSON, flatten=True, command=given
            )
    return TradingReply(trading_state=state.account.book.trading_state, trading_reason=command.reason, closing=closing)


def _open_symbols(state: PortfolioState) -> list[str]:
    """Symbols with a position that FLATTEN closes."""
    book, foreign_orders = state.account.book, state.config.limits.foreign_orders
    return [symbol for symbol in sorted(book.positions) if not own_position(book, symbol, foreign_orders).is_flat]


def _state_command(command: TradingCommand, closing: list[str]) -> StateCommand | UnsetType:
    """The record of a command; unset for a command with neither key nor login name."""
    if not command.key and not command.person:
        return UNSET
    return StateCommand(
        key=command.key,
        person=command.person,
        asked=command_digest(command),
        state=_STATE_AFTER[type(command)],
        reason=command.reason,
        closing=closing,
    )


def _causes_of_a_halt(account: AccountState) -> str:
    """Codes of the causes for which the desk itself has halted; REDUCE_ONLY may replace only a person's own halt."""
    if account.book.trading_state is not TradingState.HALTED:
        return ""
    halts = (cause for cause in account.state_causes if cause.state is TradingState.HALTED and cause.by != PERSON)
    return ", ".join(cause.code for cause in halts)
