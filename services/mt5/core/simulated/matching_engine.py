"""The matching engine: it accepts, delays, executes and ends the orders of an account.

`submit` checks an order. An accepted order may be HELD by the terminal, and DELAYED on its way to the broker.
`on_arrival` checks a delayed order again. Then `match` executes the order, or it becomes PENDING. With the ideal
profile a market order needs one commit. `tick_processor.py` passes `stepped` True to the methods.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Final

from msgspec import structs

from proto.gateway import DealReason, ErrorCode, OrderReplyStatus, VenueDeal
from proto.time import MS_NS
from proto.trading.enums import OrderType, TimeInForce
from proto.trading.instrument import Instrument
from proto.trading.money import Quote, average_price, commission_of
from proto.trading.price_distance import is_within_freeze_level
from proto.trading.stops import Stops, stops_after
from proto.trading.units import ZERO, decimal_text
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.book_records import BookOrder, RestingState
from services.mt5.core.ports.order_request import VenueOrderRequest, is_immediate
from services.mt5.core.simulated import order_validation
from services.mt5.core.simulated.account import SimulatedAccount, with_placement_snapshot
from services.mt5.core.simulated.fill_model import Execution, FillModel, worst_price
from services.mt5.core.simulated.order_validation import Rejection
from services.mt5.core.simulated.positions import Position, PositionChange

_NO_LIQUIDITY: Final = "the volume is not available at the touch"


class MatchingEngine:
    """Processes the orders of one account."""

    def __init__(self, account: SimulatedAccount, model: FillModel) -> None:
        """Process the orders of `account`; `model` gives delays and executions."""
        self.account = account
        self.model = model
        profile = model.profile
        self._follows_positions = profile.charges or (profile.stop_out_level_pct is not None and account.leverage > 0)

    @property
    def quiet(self) -> bool:
        """Whether no tick could change the book, and every deal has been reported to the client."""
        book = self.account.book
        return not book.resting() and self._is_quiet_with(book.positions.values()) and self._is_reported(book.told_ns)

    def instrument(self, symbol: str) -> Instrument | None:
        """Terms of a symbol under the profile, whether it is in the stream or not; None if it is not traded."""
        found = self.account.instruments.get(symbol)
        if found is not None:
            return found
        terms = self.account.catalogue.find(symbol)
        return None if terms is None else self.account.effective_instrument(terms)

    # ---------------------------------------------------------------------------------------------------------- placing

    def submit(self, request: VenueOrderRequest, *, held: bool) -> BookOrder:
        """Accept or reject an order, and record it in the book. With `held` an accepted order waits for `release`."""
        account = self.account
        time_ns = account.time_ns
        record = BookOrder(
            order=request.to_venue_order(
                OrderReplyStatus.ACCEPTED,
                ticket=len(account.book.orders) + 1,
                retcode=retcodes.PLACED,
                time_ns=time_ns,
                ordinal=account.ordinal,
            ),
            magic=request.magic,
            error_code=None,
            deal_cursor=0,
            quiet=False,
            wait=RestingState.HELD,
            placed_ns=time_ns,
            asked_price=request.price if request.type is OrderType.MARKET else None,
            deviation_points=request.deviation_points,
        )
        wrong = self._check(request) or self._check_close(request)
        if wrong is not None:
            return self.reject_order(record, wrong, stepped=False)
        if held:
            return self.commit_order(record, stepped=False)
        return self._send(record, stepped=False)

    def release(self, record: BookOrder) -> BookOrder:
        """Send to the broker an order that the terminal holds, or reject it if it is no longer valid."""
        assert record.wait is RestingState.HELD, record
        wrong = self._check(VenueOrderRequest.of_record(record), ticket=record.order.ticket)
        return self._send(record, stepped=False) if wrong is None else self.reject_order(record, wrong, stepped=False)

    def _send(self, record: BookOrder, *, stepped: bool) -> BookOrder:
        request_ns = self.model.request_latency_ns(record.order.ticket)
        is_market = record.order.type is OrderType.MARKET
        reply_ns = self.model.reply_latency_ns(record.order.ticket) if is_market else 0
        if not request_ns + reply_ns:
            return self._match_or_rest(record, stepped=stepped)
        due_ns = self.account.time_ns + request_ns
        delayed = structs.replace(
            record, wait=RestingState.DELAYED, due_ns=due_ns, told_ns=due_ns + reply_ns if reply_ns else 0
        )
        return self.commit_order(delayed, stepped=stepped)

    def is_priced(self, symbol: str) -> bool:
        """Whether an order that arrives now can be matched: the session is open and the latest quote is not too old."""
        age_ns = self.account.market.quote_age_ns(symbol)
        if age_ns is None or age_ns > self.model.profile.quote_age_ms_max * MS_NS:
            return False
        return self.account.instruments[symbol].is_traded(self.account.time_ns)

    def on_arrival(self, record: BookOrder, *, stepped: bool) -> BookOrder:
        """Check an order that has arrived at the broker against the current market, and match it or let it rest."""
        wrong = self._check(VenueOrderRequest.of_record(record), ticket=record.order.ticket)
        return (
            self._match_or_rest(record, stepped=stepped)
            if wrong is None
            else self.reject_order(record, wrong, stepped=stepped)
        )

    def _match_or_rest(self, record: BookOrder, *, stepped: bool) -> BookOrder:
        if record.order.type is OrderType.MARKET or is_immediate(record.order.time_in_force):
            return self.match(record, stepped=stepped)
        return self.commit_order(self._at_tick(structs.replace(record, wait=RestingState.PENDING)), stepped=stepped)

    def _check(self, request: VenueOrderRequest, *, ticket: int = 0) -> Rejection | None:
        """The first reason to reject an order now; None if valid. `ticket` is 0 if the order is not in the book."""
        account, time_ns = self.account, self.account.time_ns
        instrument = self.instrument(request.symbol)
        assert instrument is not None, request.symbol
        wrong = order_validation.check_volume(request.volume, instrument)
        if wrong is None and instrument.volume_limit:
            wrong = order_validation.check_volume_limit(
                request,
                instrument,
                positions=account.book.positions_in(request.symbol),
                mode=account.mode,
                others=[record for record in account.book.resting() if record.order.ticket != ticket],
            )
        if wrong is not None:
            return wrong
        quote = account.quote(request.symbol)
        if quote is None:
            return Rejection(retcodes.NO_QUOTES, ErrorCode.NO_QUOTE, f"{request.symbol} has no quote yet")
        if account.values.rate(1, instrument.profit_currency) is None:
            text = f"no quote between {instrument.profit_currency} and the account's {account.currency}"
            return Rejection(retcodes.REJECT, ErrorCode.NO_CONVERSION_RATE, text)
        if account.commission_per_lot(instrument) is None:
            text = f"no quote between the commission's currency and the account's {account.currency}"
            return Rejection(retcodes.REJECT, ErrorCode.NO_CONVERSION_RATE, text)
        return (
            order_validation.check_order_type(request, instrument, time_ns)
            or order_validation.check_trading_allowed(
                instrument, opens=lambda: account.adds_exposure(request), time_ns=time_ns
            )
            or order_validation.check_position(request, account.book.positions.get(request.position))
            or order_validation.check_price(request, instrument, quote)
            or order_validation.check_order_stops(request, instrument, quote)
        )

    def _check_close(self, request: VenueOrderRequest) -> Rejection | None:
        """The rejection of a close that exceeds the position's volume minus the volume of its open closing orders."""
        position = self.account.book.positions.get(request.position)
        if position is None:
            return None
        closing = [record for record in self.account.book.resting() if record.order.position == request.position]
        return order_validation.check_close_volume(
            request, position, under_way=sum((record.leaves_volume for record in closing), ZERO)
        )

    def check_terms(
        self, record: BookOrder, terms: tuple[Decimal | None, Decimal | None, Decimal | None, int]
    ) -> Rejection | None:
        """The rejection of a pending order with new `terms`: price, stop loss, take profit, expiry; None if valid."""
        price, stop_loss, take_profit, expires_ns = terms
        changed = VenueOrderRequest.of_record(record)._replace(
            price=price, stop_loss=stop_loss, take_profit=take_profit, expires_ns=expires_ns
        )
        return self._check(changed, ticket=record.order.ticket)

    # --------------------------------------------------------------------------------------------------------- matching

    def match(self, record: BookOrder, *, stepped: bool) -> BookOrder:
        """Execute an order against the current quote, up to the volume that the fill model allows.

        FOK fills all or nothing, and IOC the available volume. The unfilled volume of any other order rests.
        """
        order, account = record.order, self.account
        instrument, quote = account.instruments[order.symbol], account.quote(order.symbol)
        assert quote is not None, order
        limit = order.price if order.type is OrderType.LIMIT else None
        if record.asked_price is not None and record.deviation_points is not None:
            if not record.fills and self._is_requoted(record, instrument, quote):
                return self._requote(record, quote, stepped=stepped)
            limit = worst_price(record.asked_price, order.side, record.deviation_points, instrument)
        wanted = leaves = record.leaves_volume
        if order.position:
            target = account.book.positions.get(order.position)
            if target is None:
                text = f"position {order.position} is closed"
                wrong = Rejection(retcodes.POSITION_CLOSED, ErrorCode.UNKNOWN_POSITION, text)
                return self.reject_order(record, wrong, stepped=stepped)
            wanted = min(wanted, abs(target.volume))
        execution = self.model.execution(
            order.ticket,
            account.market.quoted_ordinal,
            side=order.side,
            quote=quote,
            volume=wanted,
            instrument=instrument,
            time_ns=account.time_ns,
            order_type=order.type,
            limit=limit,
            rests=record.wait is RestingState.PENDING,
        )
        if order.time_in_force is TimeInForce.FOK and execution.volume < leaves:
            return self._unfilled(record, stepped=stepped)
        if not execution.volume:
            if order.time_in_force is TimeInForce.IOC:
                return self._unfilled(record, stepped=stepped)
            return self._keep_resting(record, stepped=stepped)
        target = account.target_position(record)
        change = account.change_by_deal(
            target, symbol=order.symbol, side=order.side, volume=execution.volume, price=execution.price
        )
        uncovered = account.check_margin(target, change)
        if uncovered is not None:
            return self.reject_order(record, uncovered, stepped=stepped)
        return self._fill(record, execution, target, change, stepped=stepped)

    def _is_requoted(self, record: BookOrder, instrument: Instrument, quote: Quote) -> bool:
        assert record.asked_price is not None, record
        assert record.deviation_points is not None, record
        return self.model.is_requoted(
            asked_price=record.asked_price,
            touch=order_validation.touch_of(record.order.side, quote),
            side=record.order.side,
            deviation_points=record.deviation_points,
            instrument=instrument,
        )

    def _requote(self, record: BookOrder, quote: Quote, *, stepped: bool) -> BookOrder:
        touch = decimal_text(order_validation.touch_of(record.order.side, quote))
        text = f"the touch is {touch}, worse than {record.asked_price} by more than {record.deviation_points} points"
        return self.reject_order(record, Rejection(retcodes.REQUOTE, ErrorCode.REQUOTE, text), stepped=stepped)

    def _unfilled(self, record: BookOrder, *, stepped: bool) -> BookOrder:
        """End an order that cannot be filled now and must not rest: FOK, or IOC without any available volume."""
        if record.order.type is OrderType.LIMIT:
            wrong = Rejection(
                retcodes.CANCEL, ErrorCode.NO_LIQUIDITY, f"{_NO_LIQUIDITY}, or the touch is beyond the limit"
            )
            return self.end(record, OrderReplyStatus.CANCELED, wrong, stepped=stepped)
        return self.reject_order(
            record, Rejection(retcodes.REJECT, ErrorCode.NO_LIQUIDITY, _NO_LIQUIDITY), stepped=stepped
        )

    def _keep_resting(self, record: BookOrder, *, stepped: bool) -> BookOrder:
        """Let an order rest that cannot be filled now; an order whose state does not change is not committed again."""
        wait = RestingState.PENDING if record.order.type is OrderType.LIMIT else RestingState.REST
        known = self.account.book.orders
        if record.order.ticket <= len(known) and known[record.order.ticket - 1].wait is wait:
            return record
        return self.commit_order(self._at_tick(structs.replace(record, wait=wait)), stepped=stepped)

    # ---------------------------------------------------------------------------------------------------------- booking

    def _fill(
        self,
        record: BookOrder,
        execution: Execution,
        target: Position | None,
        change: PositionChange,
        *,
        stepped: bool,
    ) -> BookOrder:
        """Book an order's deal with its `change` of the position `target`; returns the order after the deal."""
        order, account = record.order, self.account
        price, volume = execution.price, execution.volume
        deal = account.deal(
            record,
            change,
            target=target,
            symbol=order.symbol,
            side=order.side,
            volume=volume,
            price=price,
            commission=self.commission(order.symbol, volume),
            reason=DealReason.CLIENT,
            stepped=stepped,
            limit_gap=execution.limit_gap,
        )
        is_whole = volume == record.leaves_volume
        wait = RestingState.NOTHING
        status = OrderReplyStatus.FILLED if is_whole else OrderReplyStatus.CANCELED
        if not is_whole and order.time_in_force not in (TimeInForce.IOC, TimeInForce.FOK):
            wait = RestingState.PENDING if order.type is OrderType.LIMIT else RestingState.REST
            status = OrderReplyStatus.PARTIALLY_FILLED
        filled = structs.replace(
            record,
            order=structs.replace(
                order,
                time_ns=account.time_ns,
                ordinal=account.ordinal,
                filled_price=average_price(
                    price=order.filled_price or ZERO,
                    volume=order.filled_volume,
                    further_price=price,
                    further_volume=volume,
                ),
                filled_volume=order.filled_volume + volume,
                status=status,
                retcode=retcodes.DONE if is_whole else retcodes.DONE_PARTIAL,
                deal=deal.deal,
            ),
            wait=wait,
            fills=record.fills + 1,
            position=deal.position,
        )
        position = self._position_after(record, change, target)
        is_gone = target is not None and (position is None or position.ticket != target.ticket)
        return self.commit_order(
            filled,
            stepped=stepped,
            deal=deal,
            removed=target.ticket if target is not None and is_gone else 0,
            position=position,
        )

    def _position_after(self, record: BookOrder, change: PositionChange, before: Position | None) -> Position | None:
        """The position after a deal, with its stop loss and take profit; None if it is closed."""
        after, order = change.position, record.order
        if after is None:
            return None
        held = None if before is None else Stops(before.stop_loss, before.take_profit)
        stop_loss, take_profit = stops_after(change.entry, given=Stops(order.stop_loss, order.take_profit), held=held)
        if before is not None and after.ticket == before.ticket:
            return structs.replace(after, stop_loss=stop_loss, take_profit=take_profit)
        return structs.replace(
            after,
            stop_loss=stop_loss,
            take_profit=take_profit,
            magic=record.magic,
            comment=order.order_id,
            charged_ns=self.account.time_ns,
        )

    def commission(self, symbol: str, volume: Decimal) -> Decimal:
        """Commission of a deal of `volume` lots (> 0), in account currency, <= 0."""
        per_lot = self.account.commission_per_lot(self.account.instruments[symbol])
        assert per_lot is not None, symbol  # validation required a rate, and a known rate stays known
        return commission_of(volume=volume, per_lot=per_lot, currency_digits=self.account.digits) if per_lot else ZERO

    # ----------------------------------------------------------------------------------------------------------- ending

    def reject_order(self, record: BookOrder, wrong: Rejection, *, stepped: bool) -> BookOrder:
        """Reject an order; an order that was filled in part is CANCELED instead."""
        status = OrderReplyStatus.CANCELED if record.fills else OrderReplyStatus.REJECTED
        return self.end(record, status, wrong, stepped=stepped)

    def end(self, record: BookOrder, status: OrderReplyStatus, why: Rejection, *, stepped: bool) -> BookOrder:
        """End an order with a status and a reason; `stepped`: a tick caused the end."""
        order = structs.replace(record.order, status=status, retcode=why.retcode, reason=why.message[:200])
        ended = structs.replace(record, order=order, error_code=why.code, wait=RestingState.NOTHING)
        return self.commit_order(self._at_tick(ended), stepped=stepped)

    def cancel(self, record: BookOrder, text: str) -> BookOrder:
        """Cancel a resting order; `text` is the reason, for people."""
        order = structs.replace(
            record.order, status=OrderReplyStatus.CANCELED, retcode=retcodes.CANCEL, reason=text[:200]
        )
        return self.commit_order(
            self._at_tick(structs.replace(record, order=order, wait=RestingState.NOTHING)), stepped=False
        )

    def is_frozen(self, record: BookOrder) -> bool:
        """Whether the market is within the freeze level of the price of an order, which then cannot be canceled."""
        if record.wait is not RestingState.PENDING:
            return False
        order = record.order
        instrument, quote = self.instrument(order.symbol), self.account.quote(order.symbol)
        if instrument is None or quote is None:
            return False
        return is_within_freeze_level(order.price, order_validation.touch_of(order.side, quote), instrument)

    # ------------------------------------------------------------------------------------------------------- committing

    def _at_tick(self, record: BookOrder) -> BookOrder:
        """The record with the book's current tick and time."""
        account = self.account
        order = structs.replace(record.order, time_ns=account.time_ns, ordinal=account.ordinal)
        return structs.replace(record, order=order)

    def commit_order(
        self,
        record: BookOrder,
        *,
        stepped: bool,
        deal: VenueDeal | None = None,
        removed: int = 0,
        position: Position | None = None,
    ) -> BookOrder:
        """Commit an order, with its deal and position change if any; returns its record with the values for the reply.

        `stepped`: a tick caused the change, not a command. `removed` is the ticket of a closed position, 0 for none.
        """
        book = self.account.book
        ticket = record.order.ticket
        replaced = (removed, 0 if position is None else position.ticket)
        positions = [known for known in book.positions.values() if known.ticket not in replaced]
        if position is not None:
            positions.append(position)
        is_quiet = (
            not record.is_open
            and self._is_quiet_with(positions)
            and not [resting for resting in book.resting() if resting.order.ticket != ticket]
            and self._is_reported(max(book.told_ns, record.told_ns))
        )
        record = structs.replace(record, deal_cursor=len(book.deals) + (deal is not None), quiet=is_quiet)
        if stepped and not record.is_open and record.order.status is not OrderReplyStatus.FILLED:
            record = structs.replace(record, ending=book.endings + 1)
        if ticket > len(book.orders) and record.is_open:
            record = with_placement_snapshot(record)
        self.account.commit(stepped=stepped, order=record, deal=deal, removed=removed, position=position)
        return record

    def is_quiet_after(self, changed: Position) -> bool:
        """Whether no tick could change the book after the position `changed` has replaced its earlier state."""
        book = self.account.book
        others = [position for position in book.positions.values() if position.ticket != changed.ticket]
        return not book.resting() and self._is_quiet_with([*others, changed]) and self._is_reported(book.told_ns)

    def _is_reported(self, told_ns: int) -> bool:
        """Whether a report that reaches the client at `told_ns` (UTC, 0 for no delay) has already reached it."""
        return not told_ns or told_ns <= self.account.time_ns

    def _is_quiet_with(self, positions: Collection[Position]) -> bool:
        if self._follows_positions:
            return not positions
        return not any(position.has_stops for position in positions)
