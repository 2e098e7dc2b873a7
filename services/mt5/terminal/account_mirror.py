"""Mirror of the account: the orders, deals, positions and money that the terminal has shown up to the last snapshot.

The terminal's history may be late, and may show an order before its deals or after them. Orders and deals that were
shown once are kept. The desk's orders are identified by their magic, in orders, deals or positions. An order that the
server makes itself (stop loss, take profit, stop-out) has the magic of the position that it closes, and does not count
as an order of the desk.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from proto.gateway import ErrorCode, OrderReplyStatus, VenueDeal, VenueOrder, VenuePosition
from proto.gateway.records import require_all_exact
from proto.trading.enums import Side
from proto.trading.instrument import Instrument
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.book_records import BookOrder, Modification, RestingState
from services.mt5.terminal import mt5_types
from services.mt5.terminal.mt5_types import Mt5Account, Mt5Deal, Mt5Order, Mt5Position, Mt5Symbol
from services.mt5.terminal.row_conversion import (
    SERVER_REASONS,
    deal_from_row,
    order_from_row,
    position_from_row,
    volume_of,
)
from services.mt5.terminal.server_clock import ServerClock
from services.mt5.terminal.store import TerminalStore
from services.mt5.terminal.symbol_conversion import instrument_from_row
from services.mt5.terminal.terminal_snapshot import HISTORY_END_S, AccountRows

OVERLAP_S: Final = 86_400
"""Seconds of history that each snapshot reads again; far longer than the delay of any broker's history."""


class _Known(NamedTuple):
    """An order's row at the terminal, and the order record made from it."""

    row: Mt5Order
    is_open: bool
    deal_count: int
    revision: int
    order: BookOrder


class AccountMirror:
    """The account as the terminal has shown it. Symbols have the broker's names."""

    def __init__(self, store: TerminalStore, *, clock: ServerClock, currency_digits: int) -> None:
        """Begin with the stored deal numbers and revisions of `store`; money has `currency_digits` decimals."""
        self._store = store
        self._clock = clock
        self._digits = currency_digits
        self._numbers = store.deal_numbers()
        self._modifications = store.modifications()
        self._deal_rows: dict[int, Mt5Deal] = {}
        self._deals: dict[int, VenueDeal] = {}
        self._deals_of: dict[int, list[int]] = {}
        self._orders: dict[int, _Known] = {}
        self._by_magic: dict[int, int] = {}
        self._positions: list[VenuePosition] = []
        self._position_rows: dict[int, Mt5Position] = {}
        self._instruments: dict[str, Instrument] = {}
        self._newest_s = 0
        self._deals_without_gap = 0
        self.account: Mt5Account | None = None

    # -------------------------------------------------------------------------------------------------------- snapshots

    @property
    def history_s(self) -> tuple[int, int]:
        """First and last second of the history in the next snapshot, in server time.

        The first snapshot has the whole history. In later snapshots, the history begins `OVERLAP_S` before the newest
        deal or open order, or at the setup time of the oldest open order if that is earlier.
        """
        if self.account is None:
            return 0, HISTORY_END_S
        open_s = [known.row.time_setup_msc // 1_000 for known in self._orders.values() if known.is_open]
        return max(0, min([self._newest_s - OVERLAP_S, *open_s])), HISTORY_END_S

    def update(self, rows: AccountRows, *, ordinal: int) -> None:
        """Add a snapshot's rows. First, the numbers of new deals are stored with the tick `ordinal`."""
        deals = sorted(rows.deals, key=lambda row: (row.time_msc, row.ticket))
        self._number_deals([row for row in deals if row.ticket not in self._numbers], ordinal)
        touched = {row.order for row in deals if self._add_deal(row)}
        while self._deals_without_gap + 1 in self._deals:
            self._deals_without_gap += 1
        for row in rows.history_orders:
            self._add_order(row, is_open=False, ordinal=ordinal, is_forced=row.ticket in touched)
        for row in rows.orders:
            self._add_order(row, is_open=True, ordinal=ordinal, is_forced=row.ticket in touched)
        for ticket in touched & self._orders.keys():
            known = self._orders[ticket]
            self._add_order(known.row, is_open=known.is_open, ordinal=ordinal, is_forced=True)
        self._position_rows = {row.ticket: row for row in sorted(rows.positions, key=lambda row: row.identifier)}
        self._convert_positions()
        self.account = rows.account
        times = [row.time_msc for row in deals] + [row.time_setup_msc for row in rows.orders]
        self._newest_s = max([self._newest_s, *(time // 1_000 for time in times)])

    def update_instruments(self, rows: dict[str, Mt5Symbol], currency: str) -> None:
        """Add the terms of symbols for an account in `currency`."""
        self._instruments |= {
            symbol: instrument_from_row(row, currency=currency, clock=self._clock) for symbol, row in rows.items()
        }

    def record_modification(self, target: str, revision: int, outcome: Modification | None) -> None:
        """Store the outcome of a modification under a `revision`; it is None before the modification is sent.

        A modification without a revision (0) is not stored.
        """
        if revision:
            self._store.set_modification(target, revision, outcome)
            self._modifications[target] = (revision, outcome)

    # ---------------------------------------------------------------------------------------------------------- account

    @property
    def deal_count(self) -> int:
        """Number of deals before the first gap: a numbered deal that the history lacks hides the deals after it."""
        return self._deals_without_gap

    @property
    def order_count(self) -> int:
        """Number of orders that the terminal has shown."""
        return len(self._orders)

    @property
    def ended_count(self) -> int:
        """Number of orders that have ended without a deal."""
        return sum(not known.is_open and not known.deal_count for known in self._orders.values())

    @property
    def positions(self) -> list[VenuePosition]:
        """Open positions by identifier. The identifier is reported as the ticket, because it never changes."""
        return self._positions

    def find(self, magic: int) -> BookOrder | None:
        """The order under a `magic`, from its row, deals or position; None if none of them is shown.

        If only a deal or a position is shown, the order is reported as ACCEPTED until its row is shown.
        """
        ticket = self._by_magic.get(magic)
        if ticket is not None:
            return self._orders[ticket].order
        for deal in self._deal_rows.values():
            if deal.magic == magic and deal.reason not in SERVER_REASONS and deal.order:
                side = Side.BUY if deal.type == mt5_types.DEAL_TYPE_BUY else Side.SELL
                return self._accepted_order(
                    magic, deal.order, deal.symbol, side, deal.volume, deal.comment, deal.time_msc
                )
        for row in self._position_rows.values():
            if row.magic == magic:
                side = Side.BUY if row.type == mt5_types.POSITION_TYPE_BUY else Side.SELL
                return self._accepted_order(
                    magic, row.identifier, row.symbol, side, row.volume, row.comment, row.time_msc
                )
        return None

    def order(self, ticket: int) -> BookOrder | None:
        """The order `ticket`; None if it was never shown."""
        known = self._orders.get(ticket)
        return None if known is None else known.order

    def orders_after(self, ticket: int, limit: int) -> list[BookOrder]:
        """At most `limit` orders with tickets above `ticket`, by ticket."""
        return [self._orders[at].order for at in sorted(self._orders) if at > ticket][:limit]

    def deals_after(self, number: int, limit: int) -> list[VenueDeal]:
        """At most `limit` deals with numbers above `number`, by number."""
        last = min(number + limit, self.deal_count)
        return [self._deals[at] for at in range(number + 1, last + 1)]

    def resting(self) -> list[BookOrder]:
        """Open orders, by ticket."""
        return [self._orders[at].order for at in sorted(self._orders) if self._orders[at].is_open]

    def magic_of_ticket(self, ticket: int) -> int:
        """Magic of the order `ticket`; 0 for a foreign order and for an order that the server made itself."""
        known = self._orders.get(ticket)
        if known is not None:
            return known.order.magic
        numbers = self._deals_of.get(ticket, [])
        rows = [row for row in self._deal_rows.values() if numbers and row.order == ticket]
        return next((row.magic for row in rows if row.reason not in SERVER_REASONS), 0)

    def instrument(self, symbol: str) -> Instrument | None:
        """Terms of a symbol; None if the gateway does not use it."""
        return self._instruments.get(symbol)

    def last_modification(self, target: str) -> tuple[int, Modification | None]:
        """Revision (0 before the first) and outcome (None while unknown) of a target's last modification."""
        return self._modifications.get(target, (0, None))

    def position_row(self, number: int) -> Mt5Position | None:
        """The open position with the identifier `number`, or else with the ticket `number`; None if there is none."""
        rows = self._position_rows.values()
        return next((row for row in rows if row.identifier == number), self._position_rows.get(number))

    def position_target_key(self, number: int) -> str:
        """The key of a position's modifications. It has the current ticket, so that revisions restart at a reversal."""
        row = self.position_row(number)
        return target_key("position", number if row is None else row.ticket)

    def magic_of_position(self, number: int) -> int:
        """Magic of the order that opened the position `number`; 0 for a foreign order or a closed position."""
        row = self.position_row(number)
        return 0 if row is None else row.magic

    # ------------------------------------------------------------------------------------------------------ conversions

    def _number_deals(self, rows: Sequence[Mt5Deal], ordinal: int) -> None:
        if not rows:
            return
        first = len(self._numbers) + 1
        numbered = [(number, row.ticket, ordinal) for number, row in enumerate(rows, start=first)]
        self._store.add_deals(numbered)
        self._numbers |= {ticket: (number, at) for number, ticket, at in numbered}

    def _add_deal(self, row: Mt5Deal) -> bool:
        """Add a deal; False if its row is unchanged since the last snapshot."""
        if self._deal_rows.get(row.ticket) == row:
            return False
        number, ordinal = self._numbers[row.ticket]
        before = self._deals.get(number - 1)
        self._deal_rows[row.ticket] = row
        self._deals[number] = deal_from_row(
            row,
            number=number,
            ordinal=ordinal,
            digits=self._digits,
            clock=self._clock,
            not_before_ns=before.time_ns if before else 0,
        )
        numbers = self._deals_of.setdefault(row.order, [])
        if number not in numbers:
            numbers.append(number)
            numbers.sort()
        return True

    def _add_order(self, row: Mt5Order, *, is_open: bool, ordinal: int, is_forced: bool) -> None:
        known = self._orders.get(row.ticket)
        revision = self.last_modification(target_key("order", row.ticket))[0]
        same = known is not None and known.row == row and known.is_open == is_open and known.revision == revision
        if same and not is_forced:
            return
        deals = [self._deals[number] for number in self._deals_of.get(row.ticket, [])]
        magic = 0 if row.reason in SERVER_REASONS else row.magic
        order = order_from_row(
            row,
            is_open=is_open,
            deals=deals,
            ordinal=known.order.order.ordinal if known else ordinal,
            revision=revision,
            clock=self._clock,
        )
        self._orders[row.ticket] = _Known(
            row,
            is_open,
            len(deals),
            revision,
            self._book_order(
                order, magic, is_open=is_open, position=deals[-1].position if deals else 0, fills=len(deals)
            ),
        )
        if magic:
            self._by_magic[magic] = min(row.ticket, self._by_magic.get(magic, row.ticket))

    def _book_order(self, order: VenueOrder, magic: int, *, is_open: bool, position: int, fills: int) -> BookOrder:
        code = ErrorCode.VENUE_REFUSED if order.status is OrderReplyStatus.REJECTED else None
        return BookOrder(
            order=order,
            magic=magic,
            error_code=code,
            deal_cursor=self.deal_count,
            quiet=False,
            wait=RestingState.PENDING if is_open else RestingState.NOTHING,
            fills=fills,
            position=position,
        )

    def _convert_positions(self) -> None:
        self._positions = [
            position_from_row(
                row,
                digits=self._digits,
                revision=self.last_modification(target_key("position", row.ticket))[0],
                clock=self._clock,
            )
            for row in self._position_rows.values()
        ]

    def _accepted_order(
        self, magic: int, ticket: int, symbol: str, side: Side, volume: float, comment: str, time_msc: int
    ) -> BookOrder:
        order = VenueOrder(
            ticket=ticket,
            order_id=comment[:64],
            symbol=symbol,
            side=side,
            volume=volume_of(volume),
            filled_volume=Decimal(0),
            filled_price=None,
            status=OrderReplyStatus.ACCEPTED,
            retcode=retcodes.PLACED,
            reason="",
            deal=0,
            time_ns=self._clock.utc_of_ms(time_msc),
            ordinal=0,
        )
        require_all_exact(order, "volume")
        return self._book_order(order, magic, is_open=False, position=0, fills=0)


def target_key(kind: str, ticket: int) -> str:
    """The key of a modification's target: the `kind` (`order` or `position`) and the `ticket`."""
    return f"{kind}:{ticket}"
