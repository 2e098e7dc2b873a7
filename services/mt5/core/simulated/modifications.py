"""Modifications: new prices or expiry of a resting order, or new stop loss and take profit of a position.

Each revision takes effect at most once. For each order and position, the book keeps the outcome of the last
modification that had a revision, also if it was refused. A repeat gets the stored outcome, even at a later tick. A
modification with a lower revision is refused, and that refusal is not stored.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from msgspec import structs

from proto.gateway import ErrorCode, Modify, VenueOrder, VenuePosition
from proto.trading.enums import OrderType, TimeInForce
from proto.trading.price_distance import closing_touch, is_within_freeze_level
from proto.trading.units import decimal_text
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.book_records import BookOrder, Modification, RestingState
from services.mt5.core.ports.magic import magic_of
from services.mt5.core.simulated import order_validation
from services.mt5.core.simulated.matching_engine import MatchingEngine
from services.mt5.core.simulated.order_validation import Rejection, touch_of
from services.mt5.core.simulated.positions import Position

_CHANGEABLE: Final = (RestingState.HELD, RestingState.DELAYED, RestingState.PENDING)


class _Target(NamedTuple):
    """The order or position to change; both are None if it does not exist."""

    key: str
    order: BookOrder | None
    position: Position | None

    @property
    def revision(self) -> int:
        """Revision of the last modification of the order or position; 0 before the first."""
        if self.order is not None:
            return self.order.order.revision
        return 0 if self.position is None else self.position.revision


class ModificationProcessor:
    """Modifies orders and positions of one account. Symbols have the broker's names."""

    def __init__(self, matching: MatchingEngine) -> None:
        """Modify the account of `matching`."""
        self._matching = matching
        self._account = matching.account
        self._book = matching.account.book

    def previous_modification(self, request: Modify) -> Modification | None:
        """The stored outcome of the same modification; None for a new one, or one without a revision."""
        if not request.revision:
            return None
        if not request.order_id and not request.position:
            return self._stored_for_symbol(request)
        last = self._book.modifications.get(self._target(request).key)
        return last if last is not None and last.revision == request.revision else None

    def _stored_for_symbol(self, request: Modify) -> Modification | None:
        """The stored outcome for the single position in a symbol.

        If another position has replaced that one, the outcome is found by the stream and the request's tick.
        """
        present = self._target(request).key
        for key, last in self._book.modifications.items():
            is_same = last.symbol == request.symbol and last.revision == request.revision
            is_of_tick = last.stream_id == self._book.stream_id and last.ordinal == request.ordinal > 0
            if is_same and key.startswith("position:") and (key == present or is_of_tick):
                return last
        return None

    def modify(self, request: Modify) -> Modification:
        """Modify an order or a position, or refuse the request."""
        target = self._target(request)
        last = self._book.modifications.get(target.key)
        newest = max(target.revision, 0 if last is None else last.revision)
        if last is not None and 0 < request.revision == last.revision:
            return last
        if 0 < request.revision <= newest:
            text = f"revision {request.revision} of {target.key}, expected more than {newest}"
            return self._outcome(request, target, Rejection(retcodes.INVALID, ErrorCode.STALE_REVISION, text))
        if target.order is not None:
            return self._modify_order(request, target, target.order)
        if target.position is not None:
            return self._modify_position(request, target, target.position)
        if request.order_id:
            gone = Rejection(retcodes.INVALID, ErrorCode.UNKNOWN_ORDER, f"no order {request.order_id}")
        else:
            which = f"position {request.position}" if request.position else "single position"
            text = f"no {which} in {request.symbol}"
            gone = Rejection(retcodes.POSITION_CLOSED, ErrorCode.UNKNOWN_POSITION, text)
        return self._store_refusal(request, target, gone)

    def _target(self, request: Modify) -> _Target:
        if request.order_id:
            order = self._book.find(magic_of(request.order_id))
            return _Target(f"order:{0 if order is None else order.order.ticket}", order, None)
        if request.position:
            held = self._book.positions.get(request.position)
            is_right = held is not None and held.symbol == request.symbol
            return _Target(f"position:{request.position}", None, held if is_right else None)
        mine = self._book.positions_in(request.symbol)
        if len(mine) != 1:
            return _Target("position:0", None, None)
        return _Target(f"position:{mine[0].ticket}", None, mine[0])

    # ----------------------------------------------------------------------------------------------------------- orders

    def _modify_order(self, request: Modify, target: _Target, record: BookOrder) -> Modification:
        wrong = self._order_rejection(request, record)
        if wrong is not None:
            return self._store_refusal(request, target, wrong)
        order = record.order
        changed = structs.replace(
            order,
            price=request.price if request.price is not None else order.price,
            expires_ns=request.expires_ns or order.expires_ns,
            stop_loss=request.stop_loss,
            take_profit=request.take_profit,
            revision=request.revision or order.revision,
            ordinal=self._account.ordinal,
        )
        outcome = self._outcome(request, target, None, order=changed)
        self._account.commit(
            stepped=False, order=structs.replace(record, order=changed), modification=_if_stored(request, outcome)
        )
        return outcome

    def _order_rejection(self, request: Modify, record: BookOrder) -> Rejection | None:
        order = record.order
        if not record.is_open:
            text = f"order {request.order_id} has ended: {order.status}"
            return Rejection(retcodes.INVALID, ErrorCode.ORDER_ENDED, text)
        if order.type is OrderType.MARKET or record.wait not in _CHANGEABLE:
            state = f"{order.type} and {record.wait}"
            text = f"order {request.order_id} is {state}, expected an order that waits for its price"
            return Rejection(retcodes.INVALID_ORDER, ErrorCode.INVALID_ORDER, text)
        asked = _terms_of(order, request)
        if asked == _terms_of(order, None):
            return Rejection(retcodes.NO_CHANGES, ErrorCode.NO_CHANGES, "the requested prices are the current ones")
        instrument = self._matching.instrument(order.symbol)
        quote = self._account.quote(order.symbol)
        assert instrument is not None, order
        assert quote is not None, order
        closed = order_validation.check_session(instrument, self._account.time_ns)
        if closed is not None:
            return closed
        if is_within_freeze_level(order.price, touch_of(order.side, quote), instrument):
            return _frozen(instrument.freeze_level_points)
        if request.expires_ns and order.time_in_force is not TimeInForce.GTD:
            text = f"expires_ns of a {order.time_in_force} order, expected a GTD order"
            return Rejection(retcodes.INVALID_EXPIRATION, ErrorCode.INVALID_EXPIRATION, text)
        return self._matching.check_terms(record, asked)

    # -------------------------------------------------------------------------------------------------------- positions

    def _modify_position(self, request: Modify, target: _Target, position: Position) -> Modification:
        wrong = self._position_rejection(request, position)
        if wrong is not None:
            return self._store_refusal(request, target, wrong)
        changed = structs.replace(
            position,
            stop_loss=request.stop_loss,
            take_profit=request.take_profit,
            revision=request.revision or position.revision,
        )
        outcome = self._outcome(request, target, None, position=changed)
        self._account.commit(stepped=False, position=changed, modification=_if_stored(request, outcome))
        return outcome

    def _position_rejection(self, request: Modify, position: Position) -> Rejection | None:
        if request.price is not None or request.expires_ns:
            text = "price or expires_ns for a position, expected only stop_loss and take_profit"
            return Rejection(retcodes.INVALID, ErrorCode.INVALID_PRICE, text)
        if (request.stop_loss, request.take_profit) == (position.stop_loss, position.take_profit):
            return Rejection(retcodes.NO_CHANGES, ErrorCode.NO_CHANGES, "the requested prices are the current ones")
        instrument = self._matching.instrument(position.symbol)
        quote = self._account.quote(position.symbol)
        assert instrument is not None, position
        if quote is None:
            return Rejection(retcodes.NO_QUOTES, ErrorCode.NO_QUOTE, f"{position.symbol} has no quote")
        closed = order_validation.check_session(instrument, self._account.time_ns)
        if closed is not None:
            return closed
        touch = closing_touch(position.side, quote)
        if any(is_within_freeze_level(stop, touch, instrument) for stop in (position.stop_loss, position.take_profit)):
            return _frozen(instrument.freeze_level_points)
        return order_validation.check_stops(
            position.side,
            stop_loss=_if_changed(request.stop_loss, position.stop_loss),
            take_profit=_if_changed(request.take_profit, position.take_profit),
            around=touch,
            instrument=instrument,
        )

    # ---------------------------------------------------------------------------------------------------------- answers

    def _store_refusal(self, request: Modify, target: _Target, wrong: Rejection) -> Modification:
        """Store a refusal, so that a repeat gets the same outcome."""
        outcome = self._outcome(request, target, wrong)
        stored = _if_stored(request, outcome)
        if stored is not None:
            self._account.commit(stepped=False, modification=stored)
        return outcome

    def _outcome(
        self,
        request: Modify,
        target: _Target,
        wrong: Rejection | None,
        *,
        order: VenueOrder | None = None,
        position: Position | None = None,
    ) -> Modification:
        """The outcome, with the order or position after the change, or unchanged after a refusal."""
        if order is None and target.order is not None:
            order = target.order.order
        shown: VenuePosition | None = None
        if (held := position or target.position) is not None:
            shown = self._account.to_venue_position(held)
        quiet = self._matching.quiet if position is None else self._matching.is_quiet_after(position)
        return Modification(
            target=target.key,
            symbol=request.symbol,
            revision=request.revision,
            ordinal=self._account.ordinal,
            stream_id=self._book.stream_id,
            retcode=retcodes.DONE if wrong is None else wrong.retcode,
            error_code=None if wrong is None else wrong.code,
            reason="" if wrong is None else wrong.message[:200],
            deal_cursor=len(self._book.deals),
            quiet=quiet,
            order=order,
            position=shown,
        )


def _terms_of(order: VenueOrder, request: Modify | None) -> tuple[Decimal | None, Decimal | None, Decimal | None, int]:
    """Price, stop loss, take profit and expiry of an order after a request; without one, the current values."""
    if request is None:
        return order.price, order.stop_loss, order.take_profit, order.expires_ns
    price = order.price if request.price is None else request.price
    return price, request.stop_loss, request.take_profit, request.expires_ns or order.expires_ns


def _if_stored(request: Modify, outcome: Modification) -> Modification | None:
    """The outcome if the book stores it; None without a revision, or if the order or position does not exist."""
    return outcome if request.revision and not outcome.target.endswith(":0") else None


def _if_changed(stop: Decimal | None, present: Decimal | None) -> Decimal | None:
    """A changed stop, which must respect the stops level; None for an unchanged stop, which is not checked again."""
    return None if stop == present else stop


def _frozen(level_points: int) -> Rejection:
    text = f"the market is within the freeze level of {decimal_text(Decimal(level_points))} points"
    return Rejection(retcodes.FROZEN, ErrorCode.FROZEN, text)
