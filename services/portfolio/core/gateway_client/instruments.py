"""Learning the venue's terms of the symbols, and noticing that they are others than before.

They are asked for at each meeting with the gateway, and by a live desk with each comparison. Other terms become an event and a
warning; terms in which prices, volumes or profit are counted halt a desk that holds something of the symbol.
"""

from __future__ import annotations

from proto.control import TradingState
from proto.gateway import GetSymbolInfo, SymbolReply
from proto.trading.instrument import Instrument
from services.portfolio.core.account.events import InstrumentLearned
from services.portfolio.core.gateway_client.instrument_changes import changed_terms, grave_terms
from services.portfolio.core.gateway_client.tasks import Talk
from services.portfolio.core.state.desk import Desk


def learn_terms(desk: Desk, *symbols: str) -> Talk:
    """Ask for the terms of symbols, and keep what is news of them."""
    for symbol in symbols:
        reply = yield GetSymbolInfo(symbol=symbol)
        assert isinstance(reply, SymbolReply)
        take_terms(desk, reply.instrument)


def take_terms(desk: Desk, told: Instrument) -> None:
    """Keep what the venue has told of a symbol: the first time, and whenever it is something else."""
    known = desk.book.instruments.get(told.symbol)
    if known is None:
        desk.emit(InstrumentLearned(instrument=told))
        return
    if not (changes := changed_terms(known, told)):
        return
    position = desk.book.positions.get(told.symbol)
    is_held = (position is not None and not position.is_flat) or told.symbol in desk.book.open_orders.values()
    grave = grave_terms(known, told)
    desk.emit(InstrumentLearned(instrument=told, changes=changes))
    desk.terms_changed += 1
    desk.terms_warning = f"the venue's terms have changed: {'; '.join(changes)}"[:400]
    if grave and is_held:
        reason = f"terms of a symbol that is held have changed: {'; '.join(grave)}"
        desk.restrict(TradingState.HALTED, reason, by="terms")
