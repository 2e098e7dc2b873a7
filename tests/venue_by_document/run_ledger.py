"""The desk's requests and the venue's results of a run, read from its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from proto.trading.instrument import Instrument
from research import ledger_views
from services.portfolio.core.account.events import (
    CancelRequested,
    DealBooked,
    Event,
    InstrumentLearned,
    OrderCreated,
    ProtectionAnswered,
    ProtectionSet,
)
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.protection import Protection
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, open_ledger
from tests.venue_by_document.book import CancelOrder, Deal, ModifyStops, PlaceOrder, Request

_events: Final = msgspec.json.Decoder(Event)
_RANK: Final = {ModifyStops: 0, CancelOrder: 1, PlaceOrder: 2}
"""The order in which the desk sends requests at one tick: changes of stops, cancels, new orders."""


class RunLedger:
    """The events of one run."""

    def __init__(self, data_dir: Path) -> None:
        db = open_ledger(data_dir / LEDGER_FILE_NAME)
        try:
            rows = db.execute("SELECT payload FROM events ORDER BY number").fetchall()
        finally:
            db.close()
        self._events: list[Event] = []
        for (payload,) in rows:
            assert isinstance(payload, bytes)
            self._events.append(_events.decode(payload))
        self._data_dir = data_dir
        self._created = [event.order for event in self._events if isinstance(event, OrderCreated)]
        self._booked = [event for event in self._events if isinstance(event, DealBooked)]
        self._opened_by: dict[int, str] = {}
        for booked in self._booked:
            self._opened_by.setdefault(booked.deal.position, booked.order_id)

    @property
    def instruments(self) -> dict[str, Instrument]:
        """The venue's terms by symbol."""
        learned = (event.instrument for event in self._events if isinstance(event, InstrumentLearned))
        return {instrument.symbol: instrument for instrument in learned}

    @property
    def requests(self) -> list[Request]:
        """All requests, in the order of sending."""
        found: list[Request] = [*self._changes(), *self._cancels(), *map(self._placed, self._created)]
        return sorted(found, key=lambda request: (request.ordinal, _RANK[type(request)]))

    def _placed(self, order: Order) -> PlaceOrder:
        return PlaceOrder(
            ordinal=order.decision.ordinal,
            order_id=order.order_id,
            symbol=order.symbol,
            sign=order.side.sign,
            volume=order.volume,
            type=order.type,
            price=order.price if order.limit_price is None else order.limit_price,
            time_in_force=order.time_in_force,
            stop_loss=order.stop_loss,
            take_profit=order.take_profit,
            expires_ns=order.expires_ns,
            position=self._opened_by[order.position] if order.position else "",
            deviation_points=order.deviation_points,
        )

    def _cancels(self) -> Iterator[CancelOrder]:
        for event in self._events:
            if isinstance(event, CancelRequested) and event.why:
                yield CancelOrder(ordinal=event.ordinal, order_id=event.order_id)

    def _changes(self) -> Iterator[ModifyStops]:
        protections: dict[str, ProtectionSet] = {}
        for event in self._events:
            if isinstance(event, ProtectionSet):
                protections[event.protection.key] = event
            elif isinstance(event, ProtectionAnswered):
                yield self._change(protections[event.key].protection, protections[event.key].ordinal)

    def _change(self, protection: Protection, ordinal: int) -> ModifyStops:
        return ModifyStops(
            ordinal=ordinal,
            symbol=protection.symbol,
            position=self._opened_by[protection.position] if protection.position else "",
            stop_loss=protection.stop_loss,
            take_profit=protection.take_profit,
        )

    @property
    def deals(self) -> list[Deal]:
        """The deals without the deposit, in the order of the ledger."""
        return [
            Deal(
                symbol=booked.deal.symbol,
                kind=booked.deal.kind,
                entry=booked.deal.entry,
                volume=booked.deal.volume,
                price=booked.deal.price,
                profit=booked.deal.profit,
                commission=booked.deal.commission,
                swap=booked.deal.swap,
                time_ns=booked.deal.time_ns,
                reason=booked.deal.reason,
                order_id=booked.order_id,
                position=self._opened_by[booked.deal.position],
                limit_gap=booked.deal.limit_gap,
            )
            for booked in self._booked
            if booked.deal.symbol
        ]

    @cached_property
    def orders(self) -> dict[str, tuple[str, int | None]]:
        """Status and last return code of each order."""
        return {row["order_id"]: (row["status"], row["retcode"]) for row in ledger_views.orders(self._data_dir)}

    @property
    def change_answers(self) -> list[tuple[int | None, str]]:
        """The venue's answer to each change of stops, in the order of sending."""
        return [(event.retcode, event.error) for event in self._events if isinstance(event, ProtectionAnswered)]
