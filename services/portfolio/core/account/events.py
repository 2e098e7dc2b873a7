"""Events of the ledger; the book is their fold.

An event is a fact that was decided or reported. Folding it applies no rule, so a ledger of any age folds to the same
state. A signal without an order or a new denial makes no event; the tick cursor counts it.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from proto.control import Difference, StateCause, TradingState
from proto.gateway import TickCounts, VenueDeal
from proto.trading.enums import AccountMode
from proto.trading.instrument import Instrument
from services.portfolio.core.account.foreign_order_policy import ForeignOrderPolicy
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Order, OrderTerms
from services.portfolio.core.account.position import ClosedLot
from services.portfolio.core.account.protection import Protection


class StreamOpened(Struct, frozen=True, kw_only=True, tag="stream_opened"):
    """A stream of ticks began; `incarnation` starts the ids of its orders.

    `orders_before` and `deals_before` count what the account had before, so that the run's own can be distinguished.
    `leverage` is the account's, 0 without margin.
    """

    stream_id: str
    incarnation: str
    orders_before: int
    deals_before: int
    account: str
    mode: str
    fills: str
    account_mode: AccountMode = AccountMode.NETTING
    currency: str
    currency_digits: int
    data_sha256: str
    first_time_ns: int
    settings: dict[str, str]
    leverage: int = 0


class LeverageChanged(Struct, frozen=True, kw_only=True, tag="leverage_told"):
    """The venue changed the account's leverage within a stream."""

    leverage: int
    time_ns: int


class IncarnationTaken(Struct, frozen=True, kw_only=True, tag="incarnation_taken"):
    """Order ids begin again within a stream, because the ledger may have lost some (`why`).

    `seen` has the highest order number of each incarnation that the gateway knew at that time.
    """

    incarnation: str
    why: str
    time_ns: int
    seen: dict[str, int] = {}


class InstrumentLearned(Struct, frozen=True, kw_only=True, tag="instrument_learned"):
    """The venue reported a symbol's terms; `changes` has a text for each changed one."""

    instrument: Instrument
    changes: list[str] = []


class OrderCreated(Struct, frozen=True, kw_only=True, tag="order_created"):
    """An order was decided and its volume reserved; it has not been sent."""

    order: Order


class OrderDenied(Struct, frozen=True, kw_only=True, tag="order_denied"):
    """A rule denied the first of a run of signals, or a person's command.

    `code` is the rule's, `limit` and `observed` are its limit and the value against it. `denial_id` identifies the
    denial. For a signal, `publisher`, `symbol`, `sequence`, `bid` and `ask` are those of the signal and its tick. With
    `cause` "manual" a person's command was denied: `key` is the command's, `asked` its digest, `reason` the person's,
    `publisher` is empty, and the tick is the symbol's latest decided one; `direction` 0 is a modification.
    """

    symbol: str
    direction: int
    ordinal: int
    time_ns: int
    code: str
    limit: str
    observed: str
    denial_id: str = ""
    publisher: str = ""
    sequence: int = 0
    confidence: float = 0.0
    bid: Decimal = Decimal(0)
    ask: Decimal = Decimal(0)
    position_before: Decimal = Decimal(0)
    tag: str = "desk"
    cause: str = "signal"
    key: str = ""
    reason: str = ""
    asked: str = ""


class CommandDenial(Struct, frozen=True):
    """The answer to a denied command, for its repetition."""

    code: str
    limit: str
    observed: str
    denial_id: str = ""
    asked: str = ""


class OrderUpdated(Struct, frozen=True, kw_only=True, tag="order_updated"):
    """The venue reported an order's status, or did not answer."""

    order_id: str
    status: OrderStatus
    ticket: int | None
    retcode: int | None
    code: str
    error: str
    time_ns: int


class CancelRequested(Struct, frozen=True, kw_only=True, tag="cancel_asked"):
    """The desk requested the cancellation of an order.

    The order ends only when the venue reports it. An empty `why` withdraws the request, after the venue refused it.
    `key` is that of a person's command, `asked` its digest.
    """

    order_id: str
    why: str
    ordinal: int
    time_ns: int
    key: str = ""
    asked: str = ""


class OrderModifyRequested(Struct, frozen=True, kw_only=True, tag="order_changed"):
    """The desk requested other terms for a resting order, under a new revision.

    `key` is that of a person's command, `asked` its digest.
    """

    order_id: str
    terms: OrderTerms
    revision: int
    time_ns: int
    key: str = ""
    asked: str = ""


class OrderModifyAnswered(Struct, frozen=True, kw_only=True, tag="order_change_answered"):
    """The venue answered a modification; `terms` are the venue's, the old ones after an `error`."""

    order_id: str
    terms: OrderTerms
    revision: int
    error: str
    time_ns: int


class ProtectionSet(Struct, frozen=True, kw_only=True, tag="protection_set"):
    """The desk set the protection of a position.

    `why` is the reason; ordinal, time, bid and ask are of the tick that it was decided on. `key` is that of a person's
    command, `asked` its digest.
    """

    protection: Protection
    why: str
    ordinal: int
    time_ns: int
    bid: Decimal
    ask: Decimal
    key: str = ""
    asked: str = ""


class ProtectionAnswered(Struct, frozen=True, kw_only=True, tag="protection_answered"):
    """The venue answered a revision of a position's stops; after an `error` these are the stops that the venue still has."""

    key: str
    revision: int
    stop_loss: Decimal | None
    take_profit: Decimal | None
    retcode: int | None
    error: str
    time_ns: int


class DealBooked(Struct, frozen=True, kw_only=True, tag="deal_booked"):
    """A deal was booked; `order_id` is the desk's or empty, `closings` the lots it closed."""

    deal: VenueDeal
    order_id: str
    closings: list[ClosedLot]


class StreamEnded(Struct, frozen=True, kw_only=True, tag="stream_ended"):
    """The data of the stream ended, and every deal up to it is booked."""

    stream_id: str
    ordinal: int
    time_ns: int
    counts: TickCounts


class ReconciliationWatermark(Struct, frozen=True, kw_only=True):
    """Numbers up to which the agreement of ledger and venue is final.

    `ticket` and `deal` are the venue's numbers of orders and deals, `number` is that of the desk's orders.
    """

    ticket: int = 0
    deal: int = 0
    number: int = 0


class Reconciled(Struct, frozen=True, kw_only=True, tag="reconciled"):
    """Ledger and venue were compared; `at_end` if the stream had ended.

    `cleared` is the watermark below which nothing needs another comparison; None keeps the earlier one.
    """

    ordinal: int
    at_end: bool
    balance: Decimal
    differences: list[Difference]
    cleared: ReconciliationWatermark | None = None


class TradingStateChanged(Struct, frozen=True, kw_only=True, tag="trading_state_changed"):
    """The trading state changed; `by` is `person` or the part of the desk that found a cause.

    `causes` are all that keep it from ACTIVE, each code once; `reason` is their text, or why trading was resumed.
    `flatten`: close every position while this state lasts. `acknowledged`: venue numbers of foreign orders
    that a person accepted.
    """

    state: TradingState
    reason: str
    by: str
    time_ns: int
    flatten: bool = False
    acknowledged: list[int] = []
    causes: list[StateCause] = []


class RiskReset(Struct, frozen=True, kw_only=True, tag="risk_reset"):
    """A person reset a risk rule's state, of one `symbol` or, if empty, of the whole desk.

    `person` is the login name sent with the command. `before` and `after` are the remembered values by name, as text.
    `equity` is the base from which losses are measured afterwards, None if unknown. `key` is the command's.
    """

    rule: str
    symbol: str
    reason: str
    person: str
    time_ns: int
    before: dict[str, str]
    after: dict[str, str]
    equity: Decimal | None
    key: str


class ForeignOrdersFound(Struct, frozen=True, kw_only=True, tag="strangers_met"):
    """The venue has these foreign orders, and the `policy` of the limits allows them."""

    tickets: list[int]
    policy: ForeignOrderPolicy
    time_ns: int


class EpochTaken(Struct, frozen=True, kw_only=True, tag="epoch_taken"):
    """This portfolio leads the account; orders of earlier epochs still in flight are void."""

    epoch: int
    time_ns: int


class JournalChanged(Struct, frozen=True, kw_only=True, tag="journal_met"):
    """The gateway has another journal; `doubtful` are the open orders unknown to it."""

    journal_id: str
    before: str
    doubtful: list[str]
    time_ns: int


Event = (
    StreamOpened
    | LeverageChanged
    | IncarnationTaken
    | InstrumentLearned
    | OrderCreated
    | OrderDenied
    | OrderUpdated
    | CancelRequested
    | OrderModifyRequested
    | OrderModifyAnswered
    | ProtectionSet
    | ProtectionAnswered
    | DealBooked
    | StreamEnded
    | Reconciled
    | TradingStateChanged
    | RiskReset
    | ForeignOrdersFound
    | EpochTaken
    | JournalChanged
)
