"""The simulated broker: judges orders on the market's quotes and decides the changes of its book.

Fills are ideal: a buy at the ask, a sell at the bid of the symbol's latest tick where the book stands, whole, at no cost
and no delay. Symbols here have the broker's names. An order is taken as it comes; that none comes twice is the journal's
task. Each change is committed before it is folded in, so a venue built on the same store is the same venue.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from msgspec import structs

from proto.gateway import DealEntry, DealKind, ErrorCode, OrderReplyStatus, VenueDeal, VenuePosition
from proto.instrument import Instrument
from proto.money import Quote, conversion_rate
from proto.units import Side, exact, plain, round_money
from services.mt5.core import retcodes
from services.mt5.core.asked import Asked
from services.mt5.core.book import BookChange, BookOrder, BookStore
from services.mt5.core.instruments import account_digits, catalogue, is_out_of_terms
from services.mt5.core.netting import Position, fold, value_difference
from services.mt5.core.stream import MarketSource
from services.mt5.core.symbol_map import SymbolMap

_ZERO: Final = Decimal(0)


class VenueSetupError(ValueError):
    """Book, stream and account do not go together; the text says which values, and what was expected."""


class SimulatedVenue:
    """One netting account over one tick stream."""

    def __init__(
        self,
        *,
        stream: MarketSource,
        stream_id: str,
        store: BookStore,
        currency: str,
        deposit: Decimal,
        symbols: SymbolMap,
    ) -> None:
        """Open the book of `store`: a new account gets the deposit, an old one goes on.

        The same `stream_id` means that the run goes on where the book stands; another one starts where it opens.

        Raises:
            VenueSetupError: the account is in another currency, the new stream does not begin after what the book has
                seen, or the broker does not trade one of its symbols.
        """
        self._stream = stream
        self._stream_id = stream_id
        self._store = store
        self._desk_names = {_broker_name(name, symbols): name for name in stream.symbols}
        self._instruments = {name: _terms(name) for name in self._desk_names}
        self.currency = currency
        self.currency_digits = account_digits(currency)
        self._book = store.load()
        self.ordinal = 0
        self._open_book(deposit)
        self.ordinal = self._book.ordinal

    def _open_book(self, deposit: Decimal) -> None:
        book = self._book
        if book.is_empty:
            self._commit(self._opening(balance=deposit, deal=self._cash_deal(deposit, "initial deposit")))
            return
        if book.currency != self.currency:
            raise VenueSetupError(f"the account is kept in {book.currency}, but {self.currency} is asked for")
        if book.stream_id == self._stream_id:
            if book.ordinal > self._stream.last_ordinal:
                raise VenueSetupError(
                    f"the book stands at tick {book.ordinal} of stream {self._stream_id}, "
                    f"which has only {self._stream.last_ordinal}"
                )
            return
        if self._stream.first_time_ns <= book.time_ns:
            raise VenueSetupError(
                f"the ticks begin at {_written(self._stream.first_time_ns)}, "
                f"expected later than {_written(book.time_ns)}, which the account has seen"
            )
        self._commit(self._opening(balance=book.balance))

    def _opening(self, *, balance: Decimal, deal: VenueDeal | None = None) -> BookChange:
        """Stand where a stream opens: before its first tick, or after the history that it has by then."""
        ordinal = self._stream.opening_ordinal
        time_ns = self._stream.tick_at(ordinal).time_ns if ordinal else self._book.time_ns
        return self._change(ordinal=ordinal, time_ns=time_ns, balance=balance, deal=deal)

    # ------------------------------------------------------------------------------------------------ where it stands

    @property
    def time_ns(self) -> int:
        """Time of the tick at which the book stands; before the first, the last time that the account has seen."""
        return self._stream.tick_at(self.ordinal).time_ns if self.ordinal else self._book.time_ns

    @property
    def quiet(self) -> bool:
        """Nothing rests in the book that a tick could set off."""
        return self._book.quiet

    @property
    def deal_count(self) -> int:
        """Deals in the book, cash deals included."""
        return len(self._book.deals)

    @property
    def order_count(self) -> int:
        """Orders in the book, refused ones included."""
        return len(self._book.orders)

    @property
    def broker_symbols(self) -> list[str]:
        """What is quoted here, by the broker's names."""
        return list(self._desk_names)

    def net_volume(self, symbol: str) -> Decimal:
        """The signed position in a symbol, in lots."""
        position = self._book.positions.get(symbol)
        return position.volume if position is not None else _ZERO

    @property
    def balance(self) -> Decimal:
        """Realised cash in account currency."""
        return self._book.balance

    @property
    def equity(self) -> Decimal | None:
        """Balance and unrealised profit in account currency, or None when a position cannot be valued."""
        total = self._book.balance
        for position in self._book.positions.values():
            profit = self._unrealized(position)
            if profit is None:
                return None
            total += profit
        return total

    def deals_before_commands_at(self, ordinal: int) -> int:
        """The deal cursor after the step to tick `ordinal`, before any command there."""
        return self._book.deals_before_commands_at(ordinal)

    def step_to(self, ordinal: int) -> None:
        """Stand at tick `ordinal`, or where the book is if that is further; never past the last tick."""
        if ordinal > self.ordinal:
            self.ordinal = min(ordinal, self._stream.last_ordinal)

    def checkpoint(self) -> None:
        """Commit where the book stands, which a change does by itself: at the end of the data and before leaving."""
        if self.ordinal != self._book.ordinal:
            self._commit(self._change(ordinal=self.ordinal, time_ns=self.time_ns, balance=self._book.balance))

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of a symbol where the book stands, or None when it has had none."""
        desk_name = self._desk_names.get(symbol)
        tick = self._stream.last_of(desk_name, self.ordinal) if desk_name is not None else None
        return None if tick is None else Quote(exact(tick.bid), exact(tick.ask))

    # --------------------------------------------------------------------------------------------------------- orders

    def place(
        self, *, magic: int, comment: str, symbol: str, side: Side, volume: Decimal, rests: bool = False
    ) -> BookOrder:
        """Execute or reject a market order where the book stands; either way it is in the book then.

        `symbol` is one that the catalogue knows, and the book stands at a tick. With `rests` an order that would be executed is
        only taken; `execute` is told when. The same magic twice is two orders.
        """
        assert self.ordinal > 0, "no tick yet"
        instrument = catalogue(symbol)
        assert instrument is not None, symbol
        asked = Asked(magic, comment, symbol, side, volume)
        if is_out_of_terms(volume, instrument):
            terms = f"{plain(instrument.volume_min)} to {plain(instrument.volume_max)}"
            words = f"volume {volume} of {symbol}, expected {terms} in steps of {plain(instrument.volume_step)}"
            return self._reject(asked, retcodes.INVALID_VOLUME, ErrorCode.INVALID_VOLUME, words[:200])
        quote = self.quote(symbol)
        if quote is None:
            return self._reject(asked, retcodes.NO_QUOTES, ErrorCode.NO_QUOTE, f"{symbol} has no quote yet")
        if self._rate(1, instrument) is None:
            words = f"no quote between {instrument.profit_currency} and the account's {self.currency}"
            return self._reject(asked, retcodes.REJECT, ErrorCode.NO_CONVERSION_RATE, words)
        if rests:
            return self._record(asked, OrderReplyStatus.ACCEPTED, retcodes.PLACED)
        return self._fill(asked, instrument, quote, ticket=len(self._book.orders) + 1)

    def execute(self, resting: BookOrder) -> None:
        """Execute an order that rests, at the touch of the present."""
        order = resting.order
        instrument, quote = catalogue(order.symbol), self.quote(order.symbol)
        assert instrument is not None, order
        assert quote is not None, order
        asked = Asked(resting.magic, order.order_id, order.symbol, order.side, order.volume)
        self._fill(asked, instrument, quote, ticket=order.ticket)

    def cancel(self, resting: BookOrder, why: str) -> BookOrder:
        """End an order that rests; what the book has of it then."""
        order = structs.replace(
            resting.order,
            status=OrderReplyStatus.CANCELED,
            retcode=retcodes.CANCEL,
            reason=why,
            time_ns=self.time_ns,
            ordinal=self.ordinal,
        )
        record = structs.replace(
            resting, order=order, deal_cursor=len(self._book.deals), quiet=self._quiet_without(order.ticket)
        )
        self._commit(self._change(ordinal=self.ordinal, time_ns=self.time_ns, balance=self._book.balance, order=record))
        return record

    def resting(self) -> list[BookOrder]:
        """Orders that were taken and are not executed yet."""
        return self._book.resting()

    def move_cash(self, amount: Decimal, note: str) -> None:
        """Book a deposit or a withdrawal: it moves cash, and no position."""
        deal = self._cash_deal(amount, note)
        self._commit(
            self._change(ordinal=self.ordinal, time_ns=self.time_ns, balance=self._book.balance + deal.cash, deal=deal)
        )

    def find(self, magic: int) -> BookOrder | None:
        """What the book has of an order, None when it was never placed: the book is complete."""
        return self._book.find(magic)

    def magic_of_ticket(self, ticket: int) -> int:
        """Whose an order is; 0 for a movement of cash."""
        return self._book.orders[ticket - 1].magic if ticket else 0

    # -------------------------------------------------------------------------------------------------------- listings

    def orders_after(self, ticket: int, limit: int) -> Sequence[BookOrder]:
        """Orders by ticket, which count from 1 without a gap."""
        return self._book.orders[ticket : ticket + limit]

    def deals_after(self, deal: int, limit: int) -> Sequence[VenueDeal]:
        """Deals in the order of happening, which count from 1 without a gap."""
        return self._book.deals[deal : deal + limit]

    def positions(self) -> list[VenuePosition]:
        """Open positions by ticket, valued at the present quotes."""
        return [
            VenuePosition(
                ticket=position.ticket,
                symbol=position.symbol,
                side=position.side,
                volume=abs(position.volume),
                price_open=position.price_open,
                profit=self._unrealized(position),
                time_ns=position.time_ns,
            )
            for position in sorted(self._book.positions.values(), key=lambda position: position.ticket)
        ]

    def state_hash(self) -> str:
        """SHA-256 over the committed book."""
        return self._book.state_hash()

    # ------------------------------------------------------------------------------------------------------- decisions

    def _fill(self, asked: Asked, instrument: Instrument, quote: Quote, *, ticket: int) -> BookOrder:
        symbol = instrument.symbol
        book = self._book
        price = quote.ask if asked.side is Side.BUY else quote.bid
        time_ns = self.time_ns
        folded = fold(
            book.positions.get(symbol),
            symbol=symbol,
            side=asked.side,
            volume=asked.volume,
            price=price,
            time_ns=time_ns,
            new_ticket=book.last_position_ticket + 1,
        )
        profit = _ZERO
        if folded.closed_volume:
            realized = self._converted(folded.closed_volume, folded.closed_cost, price, instrument)
            assert realized is not None, symbol  # the rate was there when the order was judged
            profit = realized
        deal = VenueDeal(
            deal=len(book.deals) + 1,
            ticket=ticket,
            order_id=asked.comment,
            symbol=symbol,
            kind=DealKind(asked.side.value),
            entry=folded.entry,
            volume=asked.volume,
            price=price,
            profit=profit,
            commission=_ZERO,
            swap=_ZERO,
            time_ns=time_ns,
            ordinal=self.ordinal,
            stepped=False,
            comment="",
        )
        order = asked.order(
            OrderReplyStatus.FILLED,
            ticket=ticket,
            retcode=retcodes.DONE,
            time_ns=time_ns,
            ordinal=self.ordinal,
            price=price,
            deal=deal.deal,
        )
        record = BookOrder(
            order=order, error_code=None, deal_cursor=deal.deal, quiet=self._quiet_without(ticket), magic=asked.magic
        )
        self._commit(
            self._change(
                ordinal=self.ordinal,
                time_ns=time_ns,
                balance=book.balance + deal.cash,
                order=record,
                deal=deal,
                symbol=symbol,
                position=folded.position,
            )
        )
        return record

    def _quiet_without(self, ticket: int) -> bool:
        return all(resting.order.ticket == ticket for resting in self._book.resting())

    def _reject(self, asked: Asked, retcode: int, error_code: ErrorCode, reason: str) -> BookOrder:
        return self._record(asked, OrderReplyStatus.REJECTED, retcode, error_code=error_code, reason=reason)

    def _record(
        self,
        asked: Asked,
        status: OrderReplyStatus,
        retcode: int,
        *,
        error_code: ErrorCode | None = None,
        reason: str = "",
    ) -> BookOrder:
        """Keep an order that moves nothing (yet)."""
        order = asked.order(
            status,
            ticket=len(self._book.orders) + 1,
            retcode=retcode,
            time_ns=self.time_ns,
            ordinal=self.ordinal,
            reason=reason,
        )
        record = BookOrder(
            order=order,
            error_code=error_code,
            deal_cursor=len(self._book.deals),
            quiet=self._book.quiet and status is not OrderReplyStatus.ACCEPTED,
            magic=asked.magic,
        )
        self._commit(self._change(ordinal=self.ordinal, time_ns=self.time_ns, balance=self._book.balance, order=record))
        return record

    def _cash_deal(self, amount: Decimal, note: str) -> VenueDeal:
        return VenueDeal(
            deal=len(self._book.deals) + 1,
            ticket=0,
            order_id="",
            symbol="",
            kind=DealKind.BALANCE,
            entry=DealEntry.NONE,
            volume=_ZERO,
            price=_ZERO,
            profit=amount,
            commission=_ZERO,
            swap=_ZERO,
            time_ns=self.time_ns if self._book.stream_id else 0,
            ordinal=self.ordinal if self._book.stream_id else 0,
            stepped=False,
            comment=note,
        )

    def _change(
        self,
        *,
        ordinal: int,
        time_ns: int,
        balance: Decimal,
        order: BookOrder | None = None,
        deal: VenueDeal | None = None,
        symbol: str = "",
        position: Position | None = None,
    ) -> BookChange:
        return BookChange(
            stream_id=self._stream_id,
            currency=self.currency,
            ordinal=ordinal,
            time_ns=time_ns,
            balance=balance,
            order=order,
            deal=deal,
            symbol=symbol,
            position=position,
        )

    def _commit(self, change: BookChange) -> None:
        self._store.commit(change)
        self._book.apply(change)

    def _rate(self, sign: int, instrument: Instrument) -> Decimal | None:
        return conversion_rate(
            sign,
            source=instrument.profit_currency,
            target=self.currency,
            instruments=self._instruments,
            quotes=self,
        )

    def _converted(self, volume: Decimal, cost: Decimal, price: Decimal, instrument: Instrument) -> Decimal | None:
        """Profit of closing a signed volume at `price`, in the account's currency and digits."""
        gross = value_difference(volume=volume, cost=cost, price=price, contract_size=instrument.contract_size)
        rate = self._rate(-1 if gross < 0 else 1, instrument)
        return None if rate is None else round_money(gross * rate, self.currency_digits)

    def _unrealized(self, position: Position) -> Decimal | None:
        instrument = catalogue(position.symbol)
        quote = self.quote(position.symbol)
        if instrument is None or quote is None:
            return None
        price = quote.bid if position.volume > 0 else quote.ask
        return self._converted(position.volume, position.cost, price, instrument)


def _broker_name(desk_name: str, symbols: SymbolMap) -> str:
    name = symbols.to_broker(desk_name)
    if name is None:
        other = symbols.to_desk(desk_name)
        raise VenueSetupError(f"ticks of {desk_name}, which is the broker's name of {other}; expected the desk's name")
    return name


def _terms(symbol: str) -> Instrument:
    instrument = catalogue(symbol)
    if instrument is None:
        raise VenueSetupError(f"the simulated broker does not trade {symbol}, expected an FX pair, XAUUSD or XAGUSD")
    return instrument


def _written(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
