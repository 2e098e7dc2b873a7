"""Orders, deals, lots and cash of the account, computed by applying the ledger's events in order.

`apply` checks no rule, because the rules were checked before the event was made. `changed_rows` lists the rows that the
ledger's projections have to write afterwards.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from decimal import Decimal
from typing import Any, Final

from msgspec import UNSET, structs

from proto.control import TradingState
from proto.gateway import DealEntry, DealKind, DealReason, VenueDeal
from proto.trading.enums import AccountMode, Side
from proto.trading.instrument import Instrument
from proto.trading.money import average_price
from proto.trading.units import ZERO
from services.portfolio.core.account.cash import CashAccount, CashSums, cash_flows, post
from services.portfolio.core.account.events import (
    CancelRequested,
    CommandDenial,
    DealBooked,
    EpochTaken,
    Event,
    ForeignOrdersFound,
    IncarnationTaken,
    InstrumentLearned,
    JournalChanged,
    LeverageChanged,
    OrderCreated,
    OrderDenied,
    OrderModifyAnswered,
    OrderModifyRequested,
    OrderUpdated,
    ProtectionAnswered,
    ProtectionSet,
    Reconciled,
    ReconciliationWatermark,
    RiskReset,
    StateCommand,
    StreamEnded,
    StreamOpened,
    TradingStateChanged,
)
from services.portfolio.core.account.order_status import OrderStatus, can_transition, status_after_fill
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.position import ClosedLot, Position
from services.portfolio.core.account.protection import Protection, protection_after_deal, protection_key

JOURNAL_CHANGED: Final = "JOURNAL_CHANGED"
"""Code of an order in doubt because the gateway lost the journal that had recorded the order."""

CHANGES_KEPT_MAX: Final = 64
"""Highest number of commands of each kind, except orders, kept by key: few enough to be written with every commit."""

_AMOUNTS: Final = ("balance", "realized_pnl", "commission", "swap")


def _keep(kept: dict[str, Any], key: str, value: Any) -> None:
    kept[key] = value
    if len(kept) > CHANGES_KEPT_MAX:
        del kept[next(iter(kept))]


def _number(deal: VenueDeal) -> int:
    return deal.deal


def _side(deal: VenueDeal) -> Side:
    """Return the side of a trade."""
    return Side.BUY if deal.kind is DealKind.BUY else Side.SELL


def _opens_foreign_position(deal: VenueDeal) -> bool:
    """Whether a client other than the gateway opened a position with this deal. The server is not a client."""
    return not deal.order_id and deal.entry is DealEntry.IN and deal.reason is DealReason.CLIENT


class ChangedRows:
    """Rows that have changed since they were last written."""

    __slots__ = ("deals", "orders", "symbols")

    def __init__(self) -> None:
        """Start without changes."""
        self.orders: set[str] = set()
        self.symbols: set[str] = set()
        self.deals: list[VenueDeal] = []

    def clear(self) -> None:
        """Forget all changes, after they have been written."""
        self.orders.clear()
        self.symbols.clear()
        self.deals.clear()


class Book:
    """Orders, deals, positions, protections and cash of one account.

    Amounts are in account currency in the cash sign: positive raises the balance (docs/glossary.md).
    """

    def __init__(self) -> None:
        """Start empty."""
        self.stream: StreamOpened | None = None
        self.ended: StreamEnded | None = None
        self.reconciled: Reconciled | None = None
        self.instruments: dict[str, Instrument] = {}
        self.orders: dict[str, Order] = {}
        self.open_orders: dict[str, str] = {}
        """Symbol of each open order by order id, oldest first."""
        self.order_counts: Counter[OrderStatus] = Counter()
        """Orders of the account by status."""
        self.positions: dict[str, Position] = {}
        self.protections: dict[str, Protection] = {}
        """Protections of positions, by `protection_key`."""
        self.orders_by_key: dict[str, list[str]] = {}
        """Ids of the orders that a person's command made, by the command's key."""
        self.changes_by_key: dict[str, list[str]] = {}
        """Ids of orders that a person's latest commands changed, by the command's key; empty for a change of stops."""
        self.asked_by_key: dict[str, str] = {}
        """Digests of the commands in `changes_by_key`, by the command's key."""
        self.denials_by_key: dict[str, CommandDenial] = {}
        """Denials of a person's latest commands, by the command's key."""
        self.resets_by_key: dict[str, RiskReset] = {}
        """Latest resets of risk rules, by the command's key."""
        self.states_by_key: dict[str, StateCommand] = {}
        """A person's latest commands on the trading state, by key."""
        self.deals: list[VenueDeal] = []
        """Deals of the account, sorted by number."""
        self.deal_cursor = 0
        self.order_of_deal: dict[int, str] = {}
        """Id of the desk's order that a deal filled, by the deal's number. Other deals have no entry."""
        self.filled_of_order: dict[str, Decimal] = {}
        """Lots of all deals that filled an order, by order id."""
        self.filled_of_symbol: dict[str, Decimal] = {}
        """Net lots of all deals in a symbol, long positive, by symbol."""
        self.cash: CashSums = {}
        """Sum of the postings to each cash account."""
        self.balance = self.realized_pnl = self.commission = self.swap = ZERO
        self.position_changes = 0
        self.changes_before_stream = 0
        """Position changes before the stream was opened."""
        self.trading: TradingStateChanged | None = None
        self.acknowledged: set[int] = set()
        """Venue numbers of foreign orders that a person has acknowledged or the limits allow."""
        self.foreign_positions: set[int] = set()
        """Tickets of a hedging account that another client opened, including closed tickets."""
        self.seen_ids: dict[str, int] = {}
        """Highest order number of each incarnation that the gateway knew when the latest incarnation was taken."""
        self.cleared = ReconciliationWatermark()
        self.epoch = 0
        self.journal_id = ""
        self.changed_rows = ChangedRows()

    @property
    def trading_state(self) -> TradingState:
        """The latest trading state in the ledger; ACTIVE if the ledger has none."""
        return self.trading.state if self.trading is not None else TradingState.ACTIVE

    @property
    def is_hedging(self) -> bool:
        """Whether each opening order opens a separate position."""
        return self.stream is not None and self.stream.account_mode is AccountMode.HEDGING

    def position_ticket(self, deal: VenueDeal) -> int:
        """Return the ticket of a trade's leg: the venue's on a hedging account, 0 on a netting account."""
        return deal.position if self.is_hedging else 0

    def position(self, symbol: str) -> Position:
        """Return the position of a symbol whose terms are known; it is flat before the symbol's first deal."""
        position = self.positions.get(symbol)
        if position is None:
            position = self.positions[symbol] = Position(symbol, self.instruments[symbol].multiplier)
        return position

    def apply(self, event: Event) -> None:
        """Apply one event to the state."""
        match event:
            case OrderCreated(order=order):
                self._put(order)
                if order.key:
                    self.orders_by_key.setdefault(order.key, []).append(order.order_id)
            case DealBooked():
                self._book(event)
            case OrderUpdated():
                self._update(event)
            case CancelRequested(order_id=order_id, why=why, key=key, asked=asked):
                self._put(structs.replace(self.orders[order_id], cancel_asked=why))
                self._remember(key, asked, [order_id])
            case OrderModifyRequested() | OrderModifyAnswered():
                self._apply_modification(event)
            case ProtectionSet(protection=protection, key=key, asked=asked):
                self._protect(protection)
                self._remember(key, asked, [])
            case ProtectionAnswered():
                self._apply_protection_answer(event)
            case StreamOpened():
                self.stream, self.ended = event, None
                self.changes_before_stream = self.position_changes
            case LeverageChanged(leverage=leverage):
                assert self.stream is not None, event
                self.stream = structs.replace(self.stream, leverage=leverage)
            case IncarnationTaken():
                assert self.stream is not None, event
                self.stream = structs.replace(self.stream, incarnation=event.incarnation)
                self.seen_ids |= event.seen
            case InstrumentLearned(instrument=instrument):
                self.instruments[instrument.symbol] = instrument
                if instrument.symbol in self.positions and self.positions[instrument.symbol].is_flat:
                    del self.positions[instrument.symbol]  # the next position uses these terms
            case StreamEnded():
                self.ended = event
            case Reconciled():
                self.reconciled = event
                self.cleared = event.cleared or self.cleared
            case EpochTaken(epoch=epoch):
                self.epoch = epoch
            case JournalChanged():
                self._on_journal_changed(event)
            case TradingStateChanged(command=command):
                self.trading = event
                self.acknowledged.update(event.acknowledged)
                if command is not UNSET and command.key:
                    _keep(self.states_by_key, command.key, command)
            case RiskReset(key=key):
                _keep(self.resets_by_key, key, event)
            case ForeignOrdersFound(tickets=tickets):
                self.acknowledged.update(tickets)
            case OrderDenied(key=key):
                if key:
                    denial = CommandDenial(event.code, event.limit, event.observed, event.denial_id, event.asked)
                    _keep(self.denials_by_key, key, denial)

    def amounts(self) -> dict[str, str]:
        """Return balance, realized profit, commission and swap as exact text, for a projection."""
        return {name: str(getattr(self, name)) for name in _AMOUNTS}

    def set_amounts(self, amounts: dict[str, str]) -> None:
        """Restore `amounts` from a projection."""
        for name in _AMOUNTS:
            setattr(self, name, Decimal(amounts[name]))

    def restore_order(self, order: Order) -> None:
        """Restore an order from a projection."""
        self.orders[order.order_id] = order
        self.order_counts[order.status] += 1
        if order.status.is_open:
            self.open_orders[order.order_id] = order.symbol
        if order.key:
            self.orders_by_key.setdefault(order.key, []).append(order.order_id)

    def _put(self, order: Order) -> None:
        if (before := self.orders.get(order.order_id)) is not None:
            self.order_counts[before.status] -= 1
        self.order_counts[order.status] += 1
        self.orders[order.order_id] = order
        self.changed_rows.orders.add(order.order_id)
        if order.status.is_open:
            self.open_orders[order.order_id] = order.symbol
        else:
            self.open_orders.pop(order.order_id, None)

    def open_orders_of(self, symbol: str) -> list[Order]:
        """Return the open orders of a symbol, oldest first."""
        return [self.orders[order_id] for order_id, of in self.open_orders.items() if of == symbol]

    def _update(self, event: OrderUpdated) -> None:
        order = self.orders[event.order_id]
        assert can_transition(order.status, event.status), (order.order_id, order.status, event.status)
        self._put(
            structs.replace(
                order,
                status=event.status,
                ticket=event.ticket if event.ticket is not None else order.ticket,
                retcode=event.retcode if event.retcode is not None else order.retcode,
                code=event.code,
                error=event.error,
                ended_ns=0 if event.status.is_open else event.time_ns,
            )
        )

    def _apply_modification(self, event: OrderModifyRequested | OrderModifyAnswered) -> None:
        """Apply the request for a modification of a resting order, or the answer to it."""
        changed = structs.replace(self.orders[event.order_id], change=event.terms)
        if isinstance(event, OrderModifyRequested):
            changed = structs.replace(changed, revision=event.revision)
            self._remember(event.key, event.asked, [event.order_id])
        else:
            changed = structs.replace(changed, revision_answered=event.revision, error=event.error)
        self._put(changed)

    def _remember(self, key: str, asked: str, order_ids: list[str]) -> None:
        """Remember a person's command, so that its repetition is answered but not executed again."""
        if key:
            _keep(self.changes_by_key, key, order_ids)
            if asked:
                self.asked_by_key[key] = asked
            for gone in self.asked_by_key.keys() - self.changes_by_key.keys():
                del self.asked_by_key[gone]

    def _protect(self, protection: Protection) -> None:
        self.protections[protection.key] = protection

    def _apply_protection_answer(self, event: ProtectionAnswered) -> None:
        held = self.protections.get(event.key)
        if held is not None and held.answered < event.revision:
            answered = structs.replace(held, answered=event.revision, error=event.error)
            has_stops = event.stop_loss is not None or event.take_profit is not None
            if held.revision == event.revision and (event.error or has_stops):
                answered = structs.replace(answered, stop_loss=event.stop_loss, take_profit=event.take_profit)
            self._protect(answered)

    def _update_protection(self, deal: VenueDeal, order: Order | None) -> None:
        """Update the protection of a deal's position."""
        ticket = self.position_ticket(deal)
        key = protection_key(deal.symbol, ticket)
        before = self.protections.get(key)
        guard = None
        if self.position(deal.symbol).has_leg(ticket):
            guard = protection_after_deal(
                deal.entry, order, symbol=deal.symbol, position=ticket, time_ns=deal.time_ns, before=before
            )
        if guard is not None:
            self._protect(guard)
        elif before is not None:
            del self.protections[key]

    def _on_journal_changed(self, event: JournalChanged) -> None:
        self.journal_id = event.journal_id
        for order_id in event.doubtful:
            order = self.orders[order_id]
            text = "the gateway has another journal than before: the order may have been executed"
            self._put(structs.replace(order, status=OrderStatus.IN_DOUBT, code=JOURNAL_CHANGED, error=text))

    def has_deal(self, number: int) -> bool:
        """Whether the deal with the venue's `number` is booked."""
        return self.deal(number) is not None

    def deal(self, number: int) -> VenueDeal | None:
        """The deal with the venue's `number`; None if it is not booked."""
        if number > self.deal_cursor:
            return None
        at = bisect_left(self.deals, number, key=_number)
        return self.deals[at] if at < len(self.deals) and self.deals[at].deal == number else None

    def deals_after(self, number: int) -> list[VenueDeal]:
        """Return the deals with higher venue numbers than `number`, sorted by number."""
        return self.deals[bisect_left(self.deals, number + 1, key=_number) :]

    def _book(self, event: DealBooked) -> None:
        deal = event.deal
        assert not self.has_deal(deal.deal), deal.deal
        is_late = deal.deal < self.deal_cursor
        if not is_late:
            self.deals.append(deal)
        else:
            self.deals.insert(bisect_left(self.deals, deal.deal, key=_number), deal)
        self.changed_rows.deals.append(deal)
        self.deal_cursor = max(self.deal_cursor, deal.deal)
        self.balance += deal.cash
        flows = cash_flows(deal)
        post(self.cash, flows)
        self.realized_pnl += flows.get(CashAccount.REALIZED_PNL, ZERO)
        self.commission += flows.get(CashAccount.COMMISSION, ZERO)
        self.swap += flows.get(CashAccount.SWAP, ZERO)
        if not deal.kind.is_trade:
            return
        self.position_changes += 1
        if self.stream is not None and deal.deal <= self.stream.deals_before:
            self.changes_before_stream += 1  # executed before the stream was opened, but reported later
        self._count(deal, event.order_id)
        if is_late:
            self.rebuild_position(deal.symbol)  # the position's cost basis depends on the order of the deals
        else:
            self._apply_to_position(deal)
        self.changed_rows.symbols.add(deal.symbol)
        if event.order_id:
            self._fill(self.orders[event.order_id], deal)
        self._update_protection(deal, self.orders.get(event.order_id))

    def _count(self, deal: VenueDeal, order_id: str) -> None:
        """Add a trade to the sums of fills, which the invariants compare with positions and orders."""
        signed = deal.volume * _side(deal).sign
        self.filled_of_symbol[deal.symbol] = self.filled_of_symbol.get(deal.symbol, ZERO) + signed
        if order_id:
            self.order_of_deal[deal.deal] = order_id
            self.filled_of_order[order_id] = self.filled_of_order.get(order_id, ZERO) + deal.volume
        elif self.is_hedging and _opens_foreign_position(deal):
            self.foreign_positions.add(deal.position)

    def _apply_to_position(self, deal: VenueDeal) -> None:
        self.position(deal.symbol).apply(
            side=_side(deal),
            volume=deal.volume,
            price=deal.price,
            deal=str(deal.deal),
            time_ns=deal.time_ns,
            ticket=self.position_ticket(deal),
        )

    def restore_deal(self, deal: VenueDeal, order_id: str) -> None:
        """Restore a deal from a projection; deals must be restored in the order of their numbers."""
        self.deals.append(deal)
        if deal.kind.is_trade:
            self._count(deal, order_id)

    def rebuild_position(self, symbol: str) -> None:
        """Recompute a position from its deals, after a deal out of order or if an earlier version stored no legs."""
        self.positions.pop(symbol, None)
        for deal in self.deals:
            if deal.kind.is_trade and deal.symbol == symbol:
                self._apply_to_position(deal)

    def _fill(self, order: Order, deal: VenueDeal) -> None:
        filled = order.filled_volume + deal.volume
        price = average_price(
            price=order.filled_price or ZERO,
            volume=order.filled_volume,
            further_price=deal.price,
            further_volume=deal.volume,
        )
        following = status_after_fill(order.status, is_whole=filled >= order.volume)
        assert following is not None, (order.order_id, order.status, deal.deal)
        self._put(
            structs.replace(
                order,
                status=following,
                filled_volume=filled,
                filled_price=price,
                profit=order.profit + deal.profit,
                ticket=deal.ticket or order.ticket,
                ended_ns=deal.time_ns if following is OrderStatus.FILLED else order.ended_ns,
            )
        )


def closed_lots(book: Book, deal: VenueDeal) -> list[ClosedLot]:
    """Return the lots that a deal would close. The book does not change."""
    if not deal.kind.is_trade:
        return []
    return book.position(deal.symbol).closed_by(
        side=_side(deal), volume=deal.volume, price=deal.price, ticket=book.position_ticket(deal)
    )
