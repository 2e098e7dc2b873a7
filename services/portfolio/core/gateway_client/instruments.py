"""Requests the venue's terms of symbols and records their changes.

Portfolio requests the terms after each HELLO that it accepts, and before it books a deal of a symbol without terms. A
live desk also requests them with each reconciliation. Each change, except of `tick_value` and `untold`, is recorded as
an event and shown as a warning. A change of the units of prices, volumes or profit halts a desk that has a position or
an open order in the symbol.
"""

from __future__ import annotations

from proto.control import TradingState
from proto.gateway import GetSymbolInfo, SymbolReply
from proto.trading.instrument import Instrument
from services.portfolio.core.account.events import InstrumentLearned
from services.portfolio.core.gateway_client.instrument_changes import breaking_changes, instrument_changes
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.state.account import AccountState
from services.portfolio.core.state.warnings import Warnings


def request_instruments(account: AccountState, warnings: Warnings, *symbols: str) -> GatewayTask:
    """Request the terms of symbols and record those that are new or have changed."""
    for symbol in symbols:
        reply = yield GetSymbolInfo(symbol=symbol)
        assert isinstance(reply, SymbolReply)
        update_instrument(account, warnings, reply.instrument)


def update_instrument(account: AccountState, warnings: Warnings, instrument: Instrument) -> None:
    """Record the terms of a symbol, the first time and after each change."""
    known = account.book.instruments.get(instrument.symbol)
    if known is None:
        account.emit(InstrumentLearned(instrument=instrument))
        return
    if not (changes := instrument_changes(known, instrument)):
        return
    position = account.book.positions.get(instrument.symbol)
    is_held = (position is not None and not position.is_flat) or instrument.symbol in account.book.open_orders.values()
    breaking = breaking_changes(known, instrument)
    account.emit(InstrumentLearned(instrument=instrument, changes=changes))
    text = f"the venue's terms have changed: {'; '.join(changes)}"
    warnings.on_instrument_change(instrument.symbol, text)
    if breaking and is_held:
        reason = f"terms of a symbol with a position or an order have changed: {'; '.join(breaking)}"
        account.restrict_trading(TradingState.HALTED, "INSTRUMENT_CHANGED", reason, by="terms")
