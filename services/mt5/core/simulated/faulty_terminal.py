"""A terminal with faults on command; docs/venue-faults.md describes each fault.

The broker's book stays correct; a fault hides or delays orders, deals and answers. A fault of calls applies to the next
`count` calls, or to each call with the probability `rate`. FOREIGN_ORDER and BALANCE_DEAL are single events. Any other
fault lasts for `duration_ms`. A random draw depends on the seed, the fault and the call's number alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from proto.gateway import ErrorCode, Fault, Modify, PlaceOrder, Simulate, VenueDeal
from proto.time import MS_NS, Now
from proto.trading.enums import Side
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.book_records import BookOrder
from services.mt5.core.ports.magic import COMMENT_CHARS_MAX
from services.mt5.core.ports.order_request import VenueOrderRequest
from services.mt5.core.ports.terminal import CallInProgress, TradeResult, Unavailable
from services.mt5.core.simulated.direct_terminal import DirectTerminal, order_result
from services.mt5.core.simulated.venue import SimulatedVenue

POLL_NS: Final = 1_000_000_000
"""Delay of an answer under the fault POLL_DELAY: a usual interval at which gateways poll their terminal."""

TRUNCATED_CHARS: Final = 4
INCOMPLETE_ROWS: Final = 5
FOREIGN_VOLUME: Final = Decimal("0.01")
BALANCE_AMOUNT: Final = Decimal(100)

CALL_FAULTS: Final = (
    Fault.IPC_ERROR,
    Fault.NONE_RESULT,
    Fault.BLOCKING_CALL,
    Fault.POLL_DELAY,
    Fault.NOT_EXECUTED,
    Fault.NO_REPLY,
    Fault.DEAL_LATER,
    Fault.FILL_LATER,
    Fault.HISTORY_LATE,
    Fault.COMMENT_TRUNCATED,
    Fault.COMMENT_REWRITTEN,
)
"""Faults of single calls, in the order in which they are drawn."""

CallFaults = Mapping[Fault, Simulate]
"""The faults of one call, each with the command that requested it."""


VenueCall = Callable[[CallFaults, Now], TradeResult | None]
"""Executes a call at the broker, as far as the faults allow, and returns its answer; None for no answer."""


class _Pending(NamedTuple):
    """A call in progress; `result` is the answer of a call that was executed at its start."""

    due_mono_ns: int
    call: VenueCall
    faults: CallFaults
    result: TradeResult | None


class FaultyTerminal(DirectTerminal):
    """The simulated broker behind a terminal with faults."""

    def __init__(self, venue: SimulatedVenue) -> None:
        """Begin without faults; orders that an earlier process held back are released at once."""
        super().__init__(venue)
        self._commands: dict[Fault, Simulate] = {}
        self._left: dict[Fault, int] = {}
        self._until: dict[Fault, int] = {}
        self._calls = 0
        self._hidden: dict[int, int] = {}
        self._release_ns: dict[int, int] = {record.order.ticket: 0 for record in venue.held_orders()}
        self._pending: _Pending | None = None

    # ------------------------------------------------------------------------------------------------------- commands

    def inject_fault(self, command: Simulate, now: Now) -> dict[str, int]:
        """Begin a fault, or end all; returns what is left of each active fault, in calls or milliseconds."""
        fault = command.fault
        match fault:
            case Fault.ALL_OFF:
                self._commands.clear()
                self._left.clear()
                self._until.clear()
            case Fault.FOREIGN_ORDER:
                self._trade_by_hand(command.seed)
            case Fault.BALANCE_DEAL:
                self.venue.move_cash(BALANCE_AMOUNT, "deposit")
            case Fault.DISCONNECTED | Fault.WRONG_LOGIN | Fault.HISTORY_INCOMPLETE:
                self._until[fault] = now.mono_ns + command.duration_ms * MS_NS
            case _:
                self._commands[fault] = command
                self._left[fault] = command.count
        return self.active(now)

    def active(self, now: Now) -> dict[str, int]:
        """Calls or milliseconds left of each active fault; a fault with a rate lasts until ALL_OFF."""
        calls = {fault.value: self._left[fault] for fault in self._commands}
        lasting = {
            fault.value: (until - now.mono_ns) // MS_NS for fault, until in self._until.items() if until > now.mono_ns
        }
        return {**calls, **lasting}

    def _trade_by_hand(self, seed: int) -> None:
        if self.venue.ordinal:
            symbols = self.venue.broker_symbols
            side = Side.BUY if seed % 2 else Side.SELL
            symbol = symbols[seed // 2 % len(symbols)]
            self.venue.place(VenueOrderRequest(0, "by hand", symbol, side, FOREIGN_VOLUME))

    # ---------------------------------------------------------------------------------------------------------- calls

    def unavailable(self, now: Now) -> Unavailable | None:
        """The reason while DISCONNECTED or WRONG_LOGIN lasts, else None."""
        if self._lasts(Fault.DISCONNECTED, now):
            return Unavailable(ErrorCode.VENUE_DISCONNECTED, "the terminal has no connection to its broker")
        if self._lasts(Fault.WRONG_LOGIN, now):
            return Unavailable(ErrorCode.WRONG_ACCOUNT, "the terminal is logged in to another account")
        return None

    def send(self, request: PlaceOrder, symbol: str, now: Now) -> TradeResult | CallInProgress | None:
        """Execute an order as far as the faults allow."""
        return self._call(lambda faults, then: self._execute(request, symbol, faults, then), now)

    def cancel(self, order: BookOrder, now: Now, *, why: str) -> TradeResult | CallInProgress | None:
        """Cancel an order as far as the faults allow.

        With BLOCKING_CALL, the order may have changed before it is canceled at the end of the call.
        """

        def execute(faults: CallFaults, then: Now) -> TradeResult | None:
            if Fault.NOT_EXECUTED in faults:
                return TradeResult(retcodes.DONE, order.order.ticket, 0)
            present = self.venue.orders_after(order.order.ticket - 1, 1)[0]
            result = DirectTerminal.cancel(self, present, then, why=why)
            assert not isinstance(result, CallInProgress), result
            return None if Fault.NO_REPLY in faults else result

        return self._call(execute, now)

    def modify(self, request: Modify, now: Now) -> TradeResult | CallInProgress | None:
        """Modify an order or a position as far as the faults allow."""

        def execute(faults: CallFaults, then: Now) -> TradeResult | None:
            if Fault.NOT_EXECUTED in faults:
                return TradeResult(retcodes.DONE, 0, 0)
            result = DirectTerminal.modify(self, request, then)
            assert not isinstance(result, CallInProgress), result
            return None if Fault.NO_REPLY in faults else result

        return self._call(execute, now)

    def _call(self, call: VenueCall, now: Now) -> TradeResult | CallInProgress | None:
        faults = dict(self._draw())
        if Fault.IPC_ERROR in faults or Fault.NONE_RESULT in faults:
            return None
        if Fault.BLOCKING_CALL in faults:
            due_mono_ns = now.mono_ns + faults[Fault.BLOCKING_CALL].duration_ms * MS_NS
            self._pending = _Pending(due_mono_ns, call, faults, None)
            return CallInProgress(due_mono_ns)
        result = call(faults, now)
        if Fault.POLL_DELAY in faults:
            self._pending = _Pending(now.mono_ns + POLL_NS, call, faults, result)
            return CallInProgress(now.mono_ns + POLL_NS)
        return result

    def poll(self, now: Now) -> TradeResult | CallInProgress | None:
        """The answer of the call in progress; a call with BLOCKING_CALL is executed only at its end."""
        pending = self._pending
        assert pending is not None
        if now.mono_ns < pending.due_mono_ns:
            return CallInProgress(pending.due_mono_ns)
        result = pending.result
        if Fault.BLOCKING_CALL in pending.faults:
            result = pending.call(pending.faults, now)
        self._pending = None
        return result

    def _execute(self, request: PlaceOrder, symbol: str, faults: CallFaults, now: Now) -> TradeResult | None:
        if Fault.NOT_EXECUTED in faults:
            return TradeResult(retcodes.DONE, 0, 0)
        wanted = VenueOrderRequest.of(request, symbol=symbol)
        comment = wanted.comment
        if Fault.COMMENT_TRUNCATED in faults:
            comment = comment[:TRUNCATED_CHARS]
        if Fault.COMMENT_REWRITTEN in faults:
            comment = f"[broker] {comment[::-1]}"[:COMMENT_CHARS_MAX]
        placed = self.venue.place(wanted._replace(comment=comment), held=Fault.FILL_LATER in faults)
        ticket = placed.order.ticket
        if Fault.FILL_LATER in faults:
            self._release_ns[ticket] = now.mono_ns + faults[Fault.FILL_LATER].delay_ms * MS_NS
        for late in (Fault.DEAL_LATER, Fault.HISTORY_LATE):
            if late in faults:
                self._hidden[ticket] = max(self._hidden.get(ticket, 0), now.mono_ns + faults[late].delay_ms * MS_NS)
        if Fault.NO_REPLY in faults:
            return None
        if Fault.DEAL_LATER in faults:
            return TradeResult(placed.order.retcode, ticket, 0)
        return order_result(placed)

    # -------------------------------------------------------------------------------------------------------- history

    def resting(self, now: Now) -> Sequence[BookOrder]:
        """The open orders that no fault hides."""
        return [record for record in self.venue.resting() if not self._is_hidden(record.order.ticket, now)]

    def find(self, magic: int, now: Now) -> BookOrder | None:
        """The order under a `magic`; None if there is none or a fault hides it."""
        found = self.venue.find(magic)
        return None if found is None or self._is_hidden(found.order.ticket, now) else found

    def is_history_complete(self, now: Now) -> bool:
        """False while a fault hides an order or deal, or will delay the order or deal of the next call."""
        return (
            self.unavailable(now) is None
            and not self._lasts(Fault.HISTORY_INCOMPLETE, now)
            and not any(until > now.mono_ns for until in self._hidden.values())
            and Fault.HISTORY_LATE not in self._commands
            and Fault.DEAL_LATER not in self._commands
        )

    def orders_after(self, ticket: int, limit: int, now: Now) -> Sequence[BookOrder]:
        """At most `limit` orders with tickets above `ticket`, without hidden ones."""
        shown: list[BookOrder] = []
        while len(shown) < limit and (rows := self.venue.orders_after(ticket, limit)):
            shown += [row for row in rows if not self._is_hidden(row.order.ticket, now)]
            ticket = rows[-1].order.ticket
        return shown[:limit]

    def deals_after(self, deal: int, limit: int, now: Now) -> Sequence[VenueDeal]:
        """At most `limit` deals with numbers above `deal`, without hidden ones."""
        shown: list[VenueDeal] = []
        while len(shown) < limit and (rows := self.venue.deals_after(deal, limit)):
            shown += [row for row in rows if not self._is_hidden(row.ticket, now)]
            deal = rows[-1].deal
        return shown[:limit]

    def deal_cursor(self, now: Now) -> int:
        """The number of the newest deal that no fault hides; 0 for none."""
        last = self.venue.deal_count
        while last and self._is_hidden(self.venue.deals_after(last - 1, 1)[0].ticket, now):
            last -= 1
        return last

    def _is_hidden(self, ticket: int, now: Now) -> bool:
        if not ticket:
            return False
        if self._lasts(Fault.HISTORY_INCOMPLETE, now) and ticket > self.venue.order_count - INCOMPLETE_ROWS:
            return True
        until = self._hidden.get(ticket)
        if until is None:
            return False
        if until > now.mono_ns:
            return True
        del self._hidden[ticket]
        return False

    # ----------------------------------------------------------------------------------------------------------- time

    def on_timer(self, now: Now) -> None:
        """Release held orders whose delay has passed."""
        for record in self.venue.held_orders():
            if self._release_ns.get(record.order.ticket, 0) <= now.mono_ns:
                self.venue.release(record)
                self._release_ns.pop(record.order.ticket, None)

    def next_timer(self) -> int | None:
        """Monotonic time of the next release of a held order or return of a call; None if neither is expected."""
        dues = [self._release_ns.get(record.order.ticket, 0) for record in self.venue.held_orders()]
        if self._pending is not None:
            dues.append(self._pending.due_mono_ns)
        return min(dues, default=None)

    # ---------------------------------------------------------------------------------------------------------- draws

    def _draw(self) -> Iterator[tuple[Fault, Simulate]]:
        self._calls += 1
        for fault in CALL_FAULTS:
            command = self._commands.get(fault)
            if command is None:
                continue
            if command.rate:
                if _draw(command.seed, fault, self._calls) < command.rate:
                    yield fault, command
                continue
            self._left[fault] -= 1
            if self._left[fault] <= 0:
                del self._commands[fault], self._left[fault]
            yield fault, command

    def _lasts(self, fault: Fault, now: Now) -> bool:
        return self._until.get(fault, 0) > now.mono_ns


def _draw(seed: int, fault: Fault, call: int) -> float:
    digest = hashlib.sha256(f"{seed} {fault} {call}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
