"""Learning the venue's terms of the symbols, and noticing that they are others than before.

They are asked for at each meeting with the gateway, and by a live desk with each comparison. Other terms become an event and a
warning; terms in which prices, volumes or profit are counted halt a desk that holds something of the symbol.
"""

from __future__ import annotations

from proto.control import TradingState
from proto.gateway import GetSymbolInfo, SymbolReply
from proto.trading.instrument import Instrument
from services.portfolio.core.account.events import InstrumentLearned
from services.portfolio.core.gateway_client.instrument_changes import breaking_changes, instrument_changes
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.state.portfolio_state import PortfolioState


def request_instruments(state: PortfolioState, *symbols: str) -> GatewayTask:
    """Ask for the terms of symbols, and keep what is news of them."""
    for symbol in symbols:
        reply = yield GetSymbolInfo(symbol=symbol)
        assert isinstance(reply, SymbolReply)
        update_instrument(state, reply.instrument)


def update_instrument(state: PortfolioState, instrument: Instrument) -> None:
    """Keep what the venue has told of a symbol: the first time, and whenever it is something else."""
    known = state.account.book.instruments.get(instrument.symbol)
    if known is None:
        state.account.emit(InstrumentLearned(instrument=instrument))
        return
    if not (changes := instrument_changes(known, instrument)):
        return
    position = state.account.book.positions.get(instrument.symbol)
    is_held = (
        position is not None and not position.is_flat
    ) or instrument.symbol in state.account.book.open_orders.values()
    grave = breaking_changes(known, instrument)
    state.account.emit(InstrumentLearned(instrument=instrument, changes=changes))
    state.warnings.instrument_change_count += 1
    text = f"the venue's terms have changed: {'; '.join(changes)}"
    state.warnings.conditions.set("INSTRUMENT_TERMS", text, subject=instrument.symbol)
    if grave and is_held:
        reason = f"terms of a symbol that is held have changed: {'; '.join(grave)}"
        state.account.restrict_trading(TradingState.HALTED, "INSTRUMENT_CHANGED", reason, by="terms")
