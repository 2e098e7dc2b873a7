"""A simulated broker with a few ticks, and methods to place, modify and inspect orders with few arguments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from marketdata.instruments import RULES, Catalogue
from marketdata.tick_stream import TickStream
from proto.gateway import Modify, VenueDeal, VenuePosition
from proto.trading.enums import AccountMode, OrderType, Side, TimeInForce
from services.mt5.core.ports.book_records import BookOrder, Modification
from services.mt5.core.ports.order_request import VenueOrderRequest
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.book_store import BookStore, MemoryBookStore
from services.mt5.core.simulated.fill_model import IDEAL, FillProfile
from services.mt5.core.simulated.venue import SimulatedVenue
from tests.unit.mt5.builders import SECOND_NS, START_NS, a_stream, magic_for

TICK_NS = SECOND_NS


class Dealing:
    """An account at tick `ordinal` of `stream`. By default each of `bids` is a tick, whose ask is two pips higher."""

    def __init__(
        self,
        *bids: float,
        stream: TickStream | None = None,
        store: BookStore | None = None,
        mode: AccountMode = AccountMode.NETTING,
        leverage: int = 100,
        profile: FillProfile = IDEAL,
        deposit: int = 10_000,
        currency: str = "USD",
        seed: int = 1,
        ordinal: int = 1,
        catalogue: Catalogue = RULES,
    ) -> None:
        self.stream = stream or a_stream(*bids)
        self.store = store or MemoryBookStore()
        self.terms = AccountTerms(Decimal(deposit), currency, mode, leverage, profile, seed, catalogue)
        self.venue = self.opened()
        self.venue.step_to(ordinal)
        self.placed = 0

    def opened(self) -> SimulatedVenue:
        """A new venue with the stored book, as after a restart."""
        return SimulatedVenue(
            stream=self.stream, stream_id="stream-1", store=self.store, symbols=SymbolMap(None), terms=self.terms
        )

    def order(self, side: Side, volume: str, **terms: Any) -> BookOrder:
        """Place an order, which the terminal keeps with `held=True`; prices may be text."""
        self.placed += 1
        is_held = bool(terms.pop("held", False))
        for name in ("price", "stop_loss", "take_profit"):
            if isinstance(terms.get(name), str):
                terms[name] = Decimal(terms[name])
        if terms.get("type", OrderType.MARKET) is not OrderType.MARKET:
            terms.setdefault("time_in_force", TimeInForce.GTC)
        return self.venue.place(
            VenueOrderRequest(
                magic=magic_for(f"A-{self.placed}"),
                comment=f"A-{self.placed}",
                symbol=terms.pop("symbol", "EURUSD"),
                side=side,
                volume=Decimal(volume),
                **terms,
            ),
            held=is_held,
        )

    def buy(self, volume: str = "0.10", **terms: Any) -> BookOrder:
        return self.order(Side.BUY, volume, **terms)

    def sell(self, volume: str = "0.10", **terms: Any) -> BookOrder:
        return self.order(Side.SELL, volume, **terms)

    def buy_limit(self, price: str, volume: str = "0.10", **terms: Any) -> BookOrder:
        return self.buy(volume, type=OrderType.LIMIT, price=price, **terms)

    def sell_limit(self, price: str, volume: str = "0.10", **terms: Any) -> BookOrder:
        return self.sell(volume, type=OrderType.LIMIT, price=price, **terms)

    def buy_stop(self, price: str, volume: str = "0.10", **terms: Any) -> BookOrder:
        return self.buy(volume, type=OrderType.STOP, price=price, **terms)

    def sell_stop(self, price: str, volume: str = "0.10", **terms: Any) -> BookOrder:
        return self.sell(volume, type=OrderType.STOP, price=price, **terms)

    def modify(self, **fields: Any) -> Modification:
        """Modify an order or a position in EURUSD; prices may be text."""
        for name in ("price", "stop_loss", "take_profit"):
            if isinstance(fields.get(name), str):
                fields[name] = Decimal(fields[name])
        return self.venue.modify(Modify(**{"symbol": "EURUSD", **fields}))

    def to(self, ordinal: int) -> None:
        """Step the book to tick `ordinal`."""
        self.venue.step_to(ordinal)

    def now(self, placed: BookOrder) -> BookOrder:
        """The current record of an order."""
        return self.venue.orders_after(placed.order.ticket - 1, 1)[0]

    def status(self, placed: BookOrder) -> str:
        return self.now(placed).order.status.value

    @property
    def deals(self) -> list[VenueDeal]:
        """All deals except the deposit."""
        return list(self.venue.deals_after(1, 1_000))

    @property
    def position(self) -> VenuePosition:
        """The only open position."""
        [position] = self.venue.positions()
        return position


def refusal(placed: BookOrder) -> tuple[int, str]:
    """Retcode and error code of a refused order."""
    assert placed.error_code is not None, placed
    return placed.order.retcode, placed.error_code.value


GTC, DAY, GTD, IOC, FOK = TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD, TimeInForce.IOC, TimeInForce.FOK
BEGIN_NS = START_NS
