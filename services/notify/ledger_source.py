"""Alerts from the ledger: fills, denials, changes of the trading state and differences to the venue.

The place in the ledger is a value of notify's file, stored together with the alerts that follow from the events before
it. A new file begins at the ledger's end, so that an old history is sent to nobody.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from common.errors import StartError
from common.logs import get_logger
from proto.control import Severity, TradingState
from proto.gateway import DealKind
from proto.notify import AlertPhase
from proto.time import MINUTE_NS, utc_text
from proto.trading.instrument import Instrument
from services.notify.core.codes import DENIAL, FILL, LEDGER_REPLACED, RECONCILIATION_DIFFERENCE, TRADING_STATE
from services.notify.core.inputs import DayFigures, EventsRead, SourceEvent
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import (
    DealBooked,
    Event,
    InstrumentLearned,
    LeverageChanged,
    OrderCreated,
    OrderDenied,
    Reconciled,
    StreamOpened,
    TradingStateChanged,
)
from services.portfolio.core.account.orders import Cause
from services.portfolio.core.queries.event_text import event_text, event_time_ns
from services.portfolio.ledger.hash_chain import BEGINNING, ChainPosition
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME
from services.portfolio.ledger.ledger_follower import LedgerFollower, NewEvents, OtherLedgerError

VALUE: Final = "ledger"
"""Name of the stored value with the place in the ledger."""

EVENTS_PER_STEP: Final = 500
"""Largest number of events that are read at once, which takes some 10 ms."""

_TIME_SHOWN_NS: Final = MINUTE_NS
"""Difference between the time of an event and now from which the text has the former."""

_log = get_logger()


class _Place(Struct, frozen=True, kw_only=True):
    """The last event that was read, and what the texts of later ones need."""

    event: int
    hash: str
    stream: StreamOpened | None
    instruments: list[Instrument]
    denied: list[tuple[str, str]] = []


class LedgerSource:
    """Reads new events of the ledger; `read` changes nothing that a later `read` does not repeat after a restart."""

    def __init__(self, data_dir: Path, value: bytes | None) -> None:
        """Continue at the stored place; None for a new file.

        Raises:
            StartError: another program wrote the value.
        """
        self._path = data_dir / LEDGER_FILE_NAME
        self._follower = LedgerFollower(self._path)
        self._book = Book()
        self._denied: set[tuple[str, str]] = set()
        """Codes of rules and symbols whose denials are known; see `_is_known_denial`."""
        self._position: ChainPosition | None = None
        self._difference = ""
        """How the ledger differs from the one that was followed, until it is followed from its end."""
        self.problem = ""
        """Why the ledger cannot be read; empty if it can."""
        if value is not None:
            try:
                place = msgspec.json.decode(value, type=_Place)
                self._position = ChainPosition(place.event, bytes.fromhex(place.hash))
            except (msgspec.MsgspecError, ValueError) as error:
                raise StartError(f"the place in the ledger cannot be read: {error}; remove notify.db") from None
            self._denied = set(place.denied)
            self._book.stream = place.stream
            self._book.instruments = {terms.symbol: terms for terms in place.instruments}

    def read(self, wall_ns: int) -> EventsRead | None:
        """The next events; None if there are none, or the ledger cannot be read now: see `problem`.

        Args:
            wall_ns: the time in UTC nanoseconds.
        """
        if not self._path.is_file():
            if self._difference or (self._position is not None and self._position != BEGINNING):
                self._set_problem(f"{self._path} is missing, expected the ledger that was followed")
                return None
            if self._position is not None:
                return None
            self._position = BEGINNING  # the desk is new, so all its events are
            return EventsRead(events=[], values={VALUE: self._place()})
        try:
            if self._position is None:
                found = self._begin_at_end()
                self._set_problem("")
                return found
            new = self._follower.read_events(self._position, EVENTS_PER_STEP)
        except OtherLedgerError as error:
            _log.warning("the ledger was replaced, continuing at its end", difference=str(error))
            self._position, self._difference = None, str(error)
            return None
        except StartError as error:
            self._set_problem(str(error))
            return None
        self._set_problem("")
        if not new.events:
            return None
        return self._converted(new, wall_ns)

    def _begin_at_end(self) -> EventsRead:
        end = self._follower.read_end()
        self._position = end.position
        self._denied.clear()
        self._book.stream, self._book.instruments = end.stream, dict(end.instruments)
        _log.info("following the ledger from its end", last_event=end.position.number)
        mode = "" if end.stream is None else end.stream.mode
        events = [_replaced(self._difference, end.position.number)] if self._difference else []
        self._difference = ""
        return EventsRead(events=events, values={VALUE: self._place()}, mode=mode)

    def _set_problem(self, text: str) -> None:
        if text and text != self.problem:
            _log.warning("the ledger cannot be read", error=text)
        self.problem = text

    def _converted(self, new: NewEvents, wall_ns: int) -> EventsRead:
        self._book.orders = new.orders
        events: list[SourceEvent] = []
        figures, mode = DayFigures(), ""
        for number, event in new.events:
            if isinstance(event, StreamOpened | LeverageChanged | InstrumentLearned):
                self._book.apply(event)
            if isinstance(event, StreamOpened):
                mode = event.mode
            figures = figures.plus(_figures(event))
            is_known = self._is_known_denial(event)
            found = None if is_known else _alert(number, event, self._book, wall_ns)
            if found is not None:
                events.append(found)
        self._position = new.end
        return EventsRead(events=events, values={VALUE: self._place()}, figures=figures, mode=mode)

    def _is_known_denial(self, event: Event) -> bool:
        """Whether the rule denied an earlier signal of the symbol, and no signal of it has made an order since.

        The ledger of a halted desk has a denial for each change of direction.
        """
        match event:
            case TradingStateChanged():
                self._denied.clear()
            case OrderCreated(order=order) if order.decision.cause is Cause.SIGNAL:
                self._denied = {one for one in self._denied if one[1] != order.symbol}
            case OrderDenied() if event.cause != Cause.MANUAL:
                key = (event.code, event.symbol)
                is_known = key in self._denied
                self._denied.add(key)
                return is_known
        return False

    def _place(self) -> bytes:
        assert self._position is not None
        return msgspec.json.encode(
            _Place(
                event=self._position.number,
                hash=self._position.hash.hex(),
                stream=self._book.stream,
                instruments=list(self._book.instruments.values()),
                denied=sorted(self._denied),
            )
        )


def _replaced(difference: str, last: int) -> SourceEvent:
    return SourceEvent(
        phase=AlertPhase.MOMENT,
        code=LEDGER_REPLACED,
        severity=Severity.WARNING,
        text=f"the ledger is not the one that was followed: {difference}; events up to {last} made no alerts",
        origin=f"ledger:{last}",
    )


def _alert(number: int, event: Event, book: Book, wall_ns: int) -> SourceEvent | None:
    """The alert of an event; None for an event that makes none."""
    origin = f"ledger:{number}"
    match event:
        case DealBooked() if event.deal.kind.is_trade:
            return _moment(FILL, event, book, origin, wall_ns)
        case OrderDenied():
            return _moment(DENIAL, event, book, origin, wall_ns)
        case TradingStateChanged():
            is_active = event.state is TradingState.ACTIVE
            return SourceEvent(
                phase=AlertPhase.MOMENT if is_active else AlertPhase.BEGAN,
                code=TRADING_STATE,
                severity=Severity.INFO if is_active else Severity.CRITICAL,
                text=_state_text(event, book),
                origin=origin,
                replaces=True,
            )
        case Reconciled():
            return SourceEvent(
                phase=AlertPhase.BEGAN if event.differences else AlertPhase.ENDED,
                code=RECONCILIATION_DIFFERENCE,
                severity=Severity.CRITICAL,
                text=event_text(event, book).text,
                origin=origin,
                replaces=True,
            )
        case _:
            return None


def _moment(code: str, event: Event, book: Book, origin: str, wall_ns: int) -> SourceEvent:
    line = event_text(event, book)
    time_ns = event_time_ns(event)
    at = f", at {utc_text(time_ns)} of the venue" if abs(time_ns - wall_ns) > _TIME_SHOWN_NS else ""
    return SourceEvent(
        phase=AlertPhase.MOMENT,
        code=code,
        subject=line.symbol,
        severity=Severity.INFO,
        text=line.text + at,
        origin=origin,
    )


def _state_text(event: TradingStateChanged, book: Book) -> str:
    """The text of the event, and the code and text of every cause."""
    text = event_text(event, book).text
    if not event.causes:
        return text
    head = text.removesuffix(event.reason).rstrip(": ")
    return f"{head}: {'; '.join(f'{cause.code}: {cause.text}' for cause in event.causes)}"


def _figures(event: Event) -> DayFigures:
    match event:
        case DealBooked(deal=deal) if deal.kind is not DealKind.BALANCE:
            realized = deal.profit + deal.commission + deal.swap
            return DayFigures(fills=int(deal.kind.is_trade), realized=realized)
        case OrderCreated():
            return DayFigures(orders=1)
        case OrderDenied():
            return DayFigures(denials=1)
        case _:
            return DayFigures(realized=Decimal(0))
