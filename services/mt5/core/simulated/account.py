"""The simulated account: its book, the value of its positions, and the commit of changes.

`order_validation.py` checks orders, and `tick_processor.py` processes ticks. Each change is committed before it is
applied, so that a restart on the same store finds the same account. Symbols have the broker's names.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from msgspec import structs

from marketdata.instruments import RULES, Catalogue, account_digits
from marketdata.tick_stream import MarketSource
from proto.gateway import DealEntry, DealKind, DealReason, ErrorCode, VenueDeal, VenuePosition
from proto.time import iso_text
from proto.trading.cost_basis import CostBasis
from proto.trading.defaults import DEFAULT_CURRENCY, DEFAULT_LEVERAGE
from proto.trading.enums import AccountMode, Side
from proto.trading.instrument import Instrument
from proto.trading.money import Quote, Quotes, commission_per_lot
from proto.trading.position_margin import AccountMargin
from proto.trading.units import ZERO, decimal_text
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.book_records import BookOrder, Modification, PlacementSnapshot, RestingState
from services.mt5.core.ports.order_request import VenueOrderRequest
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.core.simulated.book import BookChange
from services.mt5.core.simulated.book_store import BookStore
from services.mt5.core.simulated.fill_model import IDEAL, FillProfile
from services.mt5.core.simulated.margin import is_affordable
from services.mt5.core.simulated.market_view import MarketView
from services.mt5.core.simulated.order_validation import Rejection
from services.mt5.core.simulated.positions import Position, PositionChange, apply_deal
from services.mt5.core.simulated.valuation import Valuation

_DEAL_KINDS: Final = {Side.BUY: DealKind.BUY, Side.SELL: DealKind.SELL}


class VenueSetupError(ValueError):
    """Book, stream and account do not match."""


class AccountTerms(NamedTuple):
    """Terms of a simulated account. An existing account keeps its cash and must have the same currency and mode.

    `deposit` is the cash of a new account, >= 0, in `currency`. `leverage` is notional / margin, such as 100 for 1:100;
    0: no margin is required. `seed` is the seed of the fill profile's random draws. `catalogue` has the symbols' terms.
    """

    deposit: Decimal
    currency: str = DEFAULT_CURRENCY
    mode: AccountMode = AccountMode.NETTING
    leverage: int = DEFAULT_LEVERAGE
    profile: FillProfile = IDEAL
    seed: int = 0
    catalogue: Catalogue = RULES


class SimulatedAccount:
    """One account over one tick stream."""

    def __init__(
        self,
        *,
        stream: MarketSource,
        stream_id: str,
        store: BookStore,
        symbols: SymbolMap,
        terms: AccountTerms,
    ) -> None:
        """Open the book of `store`: a new account gets the deposit, an existing one continues.

        Args:
            stream: the market, with the desk's names of symbols.
            stream_id: id of the stream. If it equals the book's stream id, the run continues; otherwise the run begins
                at the opening of `stream`.
            store: storage of the book.
            symbols: the desk's names and the broker's.
            terms: the account's terms.

        Raises:
            VenueSetupError: the account has another currency or mode, the book is beyond the end of its stream, a new
                stream does not begin after the last time of the book, or the broker does not trade a symbol of the
                stream under the given name.
        """
        self._stream_id = stream_id
        self._store = store
        desk_names = {_broker_name(name, symbols): name for name in stream.symbols}
        self.market = MarketView(stream, desk_names)
        self.profile = terms.profile
        self.catalogue = terms.catalogue
        self._is_always_quoted = not stream.data_sha256
        self.instruments = {name: self.effective_instrument(_terms(terms.catalogue, name)) for name in desk_names}
        self.currency = terms.currency
        self.digits = account_digits(terms.currency)
        self.mode = terms.mode
        self.leverage = terms.leverage
        self.values = Valuation(
            currency=self.currency,
            currency_digits=self.digits,
            leverage=self.leverage,
            instruments=self.instruments,
            quotes=self.market,
        )
        self._margin: AccountMargin | None = None
        """Margin of the book's positions; None until it is computed after a commit."""
        self.book = store.load()
        self._open_book(terms.deposit)
        self.market.skip_to(self.book.ordinal)

    def _open_book(self, deposit: Decimal) -> None:
        book, stream = self.book, self.market.stream
        if book.is_empty:
            self._commit(self._opening(balance=deposit, deal=self.cash_deal(deposit, "initial deposit")))
            return
        if book.currency != self.currency:
            raise VenueSetupError(f"the account currency is {book.currency}, but {self.currency} is requested")
        if book.account_mode is not self.mode:
            raise VenueSetupError(f"the account is {book.account_mode.lower()}, but {self.mode.lower()} is requested")
        if book.stream_id == self._stream_id:
            if book.ordinal > stream.last_ordinal:
                raise VenueSetupError(
                    f"the book is at tick {book.ordinal} of stream {self._stream_id}, "
                    f"which ends at tick {stream.last_ordinal}"
                )
            return
        if stream.first_time_ns <= book.time_ns:
            raise VenueSetupError(
                f"the ticks begin at {iso_text(stream.first_time_ns)}, "
                f"expected later than {iso_text(book.time_ns)}, the last time in the account's book"
            )
        self._commit(self._opening(balance=book.balance))

    def _opening(self, *, balance: Decimal, deal: VenueDeal | None = None) -> BookChange:
        """The change that puts the book at the stream's opening: before the first tick or after the initial history."""
        stream = self.market.stream
        ordinal = stream.opening_ordinal
        time_ns = stream.tick_at(ordinal).time_ns if ordinal else self.book.time_ns
        return BookChange(
            stream_id=self._stream_id,
            currency=self.currency,
            account_mode=self.mode,
            ordinal=ordinal,
            time_ns=time_ns,
            balance=balance,
            deal=deal,
        )

    # -------------------------------------------------------------------------------------------------- time and quotes

    @property
    def ordinal(self) -> int:
        """Ordinal of the venue's current tick, 0 before the first; it may be ahead of the committed `book.ordinal`."""
        return self.market.ordinal

    @property
    def time_ns(self) -> int:
        """The venue's current time, UTC, at or between ticks; before the first tick, the last time in the book."""
        market = self.market
        return market.time_ns if market.ordinal else self.book.time_ns

    @property
    def broker_symbols(self) -> list[str]:
        """The broker's names of the stream's symbols."""
        return list(self.instruments)

    def quote(self, symbol: str) -> Quote | None:
        """The latest quote of a symbol at `time_ns`; None before its first quote."""
        return self.market.quote(symbol)

    def effective_instrument(self, catalogued: Instrument) -> Instrument:
        """The terms of the catalogue as the fill profile changes them. A generated market has no sessions."""
        return self.profile.terms_of(catalogued, always_quoted=self._is_always_quoted)

    # ---------------------------------------------------------------------------------------------------------- values

    @property
    def equity(self) -> Decimal | None:
        """Balance + unrealized profit, in account currency; None if a position cannot be valued."""
        total = self.book.balance
        for position in self.book.positions.values():
            profit = self.values.unrealized(position)
            if profit is None:
                return None
            total += profit
        return total

    @property
    def margin(self) -> Decimal | None:
        """Margin of the open positions, in account currency; None if a position cannot be valued."""
        return self.margin_at(self.market)

    def margin_at(self, quotes: Quotes, rates: Quotes | None = None) -> Decimal | None:
        """Margin of the open positions at other quotes; `rates` gives the conversion rates, by default `quotes`."""
        if self._margin is None:
            self._margin = self.values.margin_of(self.book.positions.values())
        return None if self._margin is None else self._margin.amount(quotes, rates)

    def check_margin(self, target: Position | None, change: PositionChange) -> Rejection | None:
        """The rejection of a deal that the free margin does not cover, or whose margin cannot be valued; else None.

        Initial margin rates apply to the deal's symbol. A deal that does not raise the margin needs no free margin. If
        only the margin before the deal cannot be valued, the equity must cover the margin after it.
        """
        if not self.leverage or change.entry is DealEntry.OUT:
            return None
        positions, changed = self.book.positions.values(), change.position
        assert changed is not None, change
        opening = changed.symbol
        others = [position for position in positions if position is not target]
        after, equity = self.values.margin([*others, changed], opening=opening), self.equity
        if after is None or equity is None:
            problem = "equity or margin cannot be valued: a conversion rate is missing"
            return Rejection(retcodes.REJECT, ErrorCode.NO_CONVERSION_RATE, problem)
        if is_affordable(
            equity=equity,
            margin_after=after,
            margin_before=lambda: self.values.margin(positions, opening=opening),
        ):
            return None
        margin = f"{decimal_text(after)} {self.currency}"
        problem = f"margin would be {margin}, expected at most the equity of {decimal_text(equity)}"
        return Rejection(retcodes.NO_MONEY, ErrorCode.NO_MONEY, problem)

    def adds_exposure(self, request: VenueOrderRequest) -> bool:
        """Whether an order may open or increase a position."""
        if request.position:
            return False
        if self.mode is AccountMode.HEDGING:
            return True
        held = sum((position.volume for position in self.book.positions_in(request.symbol)), ZERO)
        return held * request.side.sign >= 0 or request.volume > abs(held)

    def commission_per_lot(self, instrument: Instrument) -> Decimal | None:
        """Current commission rate per lot, in account currency, >= 0; None without a conversion rate."""
        return commission_per_lot(
            instrument, self.time_ns, currency=self.currency, instruments=self.instruments, quotes=self.market
        )

    def to_venue_position(self, position: Position) -> VenuePosition:
        """A position as reported to clients, valued at the current quotes."""
        return VenuePosition(
            ticket=position.ticket,
            symbol=position.symbol,
            side=position.side,
            volume=abs(position.volume),
            price_open=position.price_open,
            profit=self.values.unrealized(position),
            time_ns=position.time_ns,
            stop_loss=position.stop_loss,
            take_profit=position.take_profit,
            order_id=position.comment,
            revision=position.revision,
        )

    # --------------------------------------------------------------------------------------------------------- changes

    def target_position(self, record: BookOrder) -> Position | None:
        """The position that the next deal of an order changes; None if the deal opens a position.

        On a hedging account, all deals of one opening order change the same position.
        """
        order = record.order
        if order.position:
            return self.book.positions.get(order.position)
        if self.mode is AccountMode.HEDGING:
            mine = self.book.positions.get(record.position)
            return mine if mine is not None and mine.side is order.side else None
        return next(iter(self.book.positions_in(order.symbol)), None)

    def change_by_deal(
        self, target: Position | None, *, symbol: str, side: Side, volume: Decimal, price: Decimal
    ) -> PositionChange:
        """The effect of a deal of `volume` lots (> 0) on a position; `target` None opens a position."""
        return apply_deal(
            target,
            symbol=symbol,
            side=side,
            volume=volume,
            price=price,
            time_ns=self.time_ns,
            new_ticket=self.book.last_position_ticket + 1,
        )

    def deal(
        self,
        record: BookOrder | None,
        change: PositionChange,
        *,
        target: Position | None,
        symbol: str,
        side: Side,
        volume: Decimal,
        price: Decimal,
        commission: Decimal,
        reason: DealReason,
        stepped: bool,
        limit_gap: Decimal = ZERO,
    ) -> VenueDeal:
        """The deal that makes `change` of the position `target`.

        `record` is the deal's order, None if the broker closes the position itself. `volume` is in lots, > 0,
        `commission` in account currency, <= 0, and `limit_gap` a distance of prices, >= 0.
        """
        profit = ZERO
        if change.closed_volume:
            profit = self._realized(symbol, CostBasis(change.closed_volume, change.closed_cost), price)
        affected = change.position if change.position is not None else target
        assert affected is not None, change
        return VenueDeal(
            deal=len(self.book.deals) + 1,
            ticket=0 if record is None else record.order.ticket,
            order_id="" if record is None else record.order.order_id,
            symbol=symbol,
            kind=_DEAL_KINDS[side],
            entry=change.entry,
            volume=volume,
            price=price,
            profit=profit,
            commission=commission,
            swap=ZERO,
            time_ns=self.time_ns,
            ordinal=self.ordinal,
            stepped=stepped,
            comment="",
            position=affected.ticket,
            reason=reason,
            arrived_ns=record.due_ns if record is not None and record.wait is RestingState.DELAYED else 0,
            limit_gap=self._realized(symbol, CostBasis(volume), limit_gap) if limit_gap else ZERO,
        )

    def _realized(self, symbol: str, holding: CostBasis, price: Decimal) -> Decimal:
        profit = self.values.profit(holding, price=price, symbol=symbol)
        assert profit is not None, symbol  # validation required a rate, and a known rate stays known
        return profit

    def cash_deal(
        self,
        amount: Decimal,
        note: str,
        *,
        kind: DealKind = DealKind.BALANCE,
        position: Position | None = None,
        stepped: bool = False,
    ) -> VenueDeal:
        """A deal that only moves cash: a deposit (> 0), a withdrawal (< 0), or a position's swap.

        Args:
            amount: in account currency; > 0 raises the balance.
            note: the deal's comment.
            kind: the deal's kind.
            position: the position whose swap it is; None for other cash.
            stepped: True if a tick caused the deal, False for a command.
        """
        has_begun = bool(self.book.stream_id)
        return VenueDeal(
            deal=len(self.book.deals) + 1,
            ticket=0,
            order_id="",
            symbol="" if position is None else position.symbol,
            kind=kind,
            entry=DealEntry.NONE,
            volume=ZERO,
            price=ZERO,
            profit=ZERO if kind is DealKind.SWAP else amount,
            commission=ZERO,
            swap=amount if kind is DealKind.SWAP else ZERO,
            time_ns=self.time_ns if has_begun else 0,
            ordinal=self.ordinal if has_begun else 0,
            stepped=stepped,
            comment=note,
            position=0 if position is None else position.ticket,
            reason=DealReason.ROLLOVER if kind is DealKind.SWAP else DealReason.CLIENT,
        )

    def commit(
        self,
        *,
        stepped: bool,
        order: BookOrder | None = None,
        deal: VenueDeal | None = None,
        removed: int = 0,
        position: Position | None = None,
        modification: Modification | None = None,
        is_synced: bool = True,
    ) -> None:
        """Commit a change, then apply it to the book; the arguments are fields of `BookChange`.

        `removed` is the ticket of a closed position, 0 for none. `stepped` is the field `is_within_tick`.
        """
        self._commit(
            BookChange(
                stream_id=self._stream_id,
                currency=self.currency,
                account_mode=self.mode,
                ordinal=self.ordinal,
                time_ns=self.market.tick_time_ns if self.ordinal else self.book.time_ns,
                balance=self.book.balance + (ZERO if deal is None else deal.cash),
                is_within_tick=stepped,
                order=order,
                deal=deal,
                removed=removed,
                position=position,
                modification=modification,
                is_synced=is_synced,
            )
        )

    def _commit(self, change: BookChange) -> None:
        self._store.commit(change)
        self.book.apply(change)
        self._margin = None


def with_placement_snapshot(record: BookOrder) -> BookOrder:
    """The record of a newly placed resting order, with its current state as the snapshot."""
    taken = PlacementSnapshot(
        order=record.order, deal_cursor=record.deal_cursor, quiet=record.quiet, position=record.position
    )
    return structs.replace(record, taken=taken)


def _terms(catalogue: Catalogue, symbol: str) -> Instrument:
    found = catalogue.find(symbol)
    if found is None:
        raise VenueSetupError(f"the simulated broker does not trade {symbol}, expected a symbol of the catalogue")
    return found


def _broker_name(desk_name: str, symbols: SymbolMap) -> str:
    name = symbols.to_broker(desk_name)
    if name is None:
        other = symbols.to_desk(desk_name)
        raise VenueSetupError(f"the ticks have {desk_name}, the broker's name of {other}; expected the desk's name")
    return name
