"""Events of the ledger, from which the book is computed.

An event records a decision of the desk or a report of the venue. The book applies it without checking any rule, so that
later versions compute the same state from an old ledger. A signal that makes no order and no new denial has no event;
the tick cursor counts it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec import UNSET, Struct, UnsetType

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
    """A stream of ticks began; the ids of its orders begin with `incarnation`.

    `orders_before` is the number of orders that the account already had, `deals_before` the number of its latest deal.
    They distinguish the stream's orders and deals from earlier ones. `leverage` is the account's leverage, 0 if the
    account requires no margin.
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
    """A new incarnation was taken within a stream, because the ledger may have lost order ids (`why`).

    `seen` has the highest order number that the gateway knew of each incarnation at that time.
    """

    incarnation: str
    why: str
    time_ns: int
    seen: dict[str, int] = {}


class InstrumentLearned(Struct, frozen=True, kw_only=True, tag="instrument_learned"):
    """The venue reported a symbol's terms; `changes` has a text for each changed term."""

    instrument: Instrument
    changes: list[str] = []


class OrderCreated(Struct, frozen=True, kw_only=True, tag="order_created"):
    """An order was decided and its volume reserved; it has not been sent yet."""

    order: Order


class OrderDenied(Struct, frozen=True, kw_only=True, tag="order_denied"):
    """A risk rule denied a person's command, or the first of consecutive signals with the same denial.

    `code` is the rule's code, `limit` its limit, `observed` the value that the rule compared with it. `denial_id`
    identifies the denial. For a signal, `publisher`, `symbol`, `sequence`, `bid` and `ask` are those of the signal and
    its tick. `cause` is "manual" for a person's command. Then `key` is the command's key, `asked` its digest, `reason`
    the person's reason, `person` the login name sent with it, `publisher` is empty, the tick is the symbol's latest
    decided tick, and `direction` is 0 for a modification.
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
    person: str = ""


class CommandDenial(Struct, frozen=True):
    """The denial of a command, kept to answer a repetition of the command."""

    code: str
    limit: str
    observed: str
    denial_id: str = ""
    asked: str = ""


class OrderUpdated(Struct, frozen=True, kw_only=True, tag="order_updated"):
    """The venue or the gateway reported an order's status, or no answer arrived."""

    order_id: str
    status: OrderStatus
    ticket: int | None
    retcode: int | None
    code: str
    error: str
    time_ns: int


class CancelRequested(Struct, frozen=True, kw_only=True, tag="cancel_asked"):
    """The desk requested the cancellation of an order.

    The order ends only when the venue reports its end. `why` is the reason; an empty `why` withdraws the request after
    the venue refused it. `key` is the key of a person's command, `asked` the command's digest, `person` the login name
    sent with it.
    """

    order_id: str
    why: str
    ordinal: int
    time_ns: int
    key: str = ""
    asked: str = ""
    person: str = ""


class OrderModifyRequested(Struct, frozen=True, kw_only=True, tag="order_changed"):
    """The desk requested new `terms` for a resting order, as modification number `revision`.

    `key` is the key of a person's command, `asked` the command's digest, `why` the person's reason, `person` the login
    name sent with it.
    """

    order_id: str
    terms: OrderTerms
    revision: int
    time_ns: int
    key: str = ""
    asked: str = ""
    why: str = ""
    person: str = ""


class OrderModifyAnswered(Struct, frozen=True, kw_only=True, tag="order_change_answered"):
    """The venue answered a modification of an order.

    `terms` are the terms that the order has at the venue afterwards: after an `error` the old ones.
    """

    order_id: str
    terms: OrderTerms
    revision: int
    error: str
    time_ns: int


class ProtectionSet(Struct, frozen=True, kw_only=True, tag="protection_set"):
    """The desk set the protection of a position.

    `why` is the reason. `ordinal`, `time_ns`, `bid` and `ask` are those of the tick on which the desk decided. `key` is
    the key of a person's command, `asked` the command's digest, `person` the login name sent with it.
    """

    protection: Protection
    why: str
    ordinal: int
    time_ns: int
    bid: Decimal
    ask: Decimal
    key: str = ""
    asked: str = ""
    person: str = ""


class ProtectionAnswered(Struct, frozen=True, kw_only=True, tag="protection_answered"):
    """The venue answered change number `revision` of a position's stops.

    `stop_loss` and `take_profit` are those that the position has at the venue, the old prices after an `error`. Both
    are None if the answer has no position; then, without an `error`, the requested stops are in force.
    """

    key: str
    revision: int
    stop_loss: Decimal | None
    take_profit: Decimal | None
    retcode: int | None
    error: str
    time_ns: int


class DealBooked(Struct, frozen=True, kw_only=True, tag="deal_booked"):
    """A deal was booked.

    `order_id` is the desk's order that the deal filled, empty if there is none. `closings` are the lots that the deal
    closed.
    """

    deal: VenueDeal
    order_id: str
    closings: list[ClosedLot]


class StreamEnded(Struct, frozen=True, kw_only=True, tag="stream_ended"):
    """The data of the stream ended, and every deal up to its end is booked."""

    stream_id: str
    ordinal: int
    time_ns: int
    counts: TickCounts


class ReconciliationWatermark(Struct, frozen=True, kw_only=True):
    """Numbers up to which the agreement of ledger and venue is final.

    `ticket` is a venue's order number, `deal` a venue's deal number, `number` an order number of the desk.
    """

    ticket: int = 0
    deal: int = 0
    number: int = 0


class Reconciled(Struct, frozen=True, kw_only=True, tag="reconciled"):
    """Ledger and venue were compared; `at_end` is True if the stream had ended.

    Orders and deals up to the watermark `cleared` need no further comparison; None keeps the earlier watermark.
    """

    ordinal: int
    at_end: bool
    balance: Decimal
    differences: list[Difference]
    cleared: ReconciliationWatermark | None = None


class StateCommand(Struct, frozen=True, kw_only=True):
    """A person's command that changed the trading state.

    `key` is the command's key, empty for none; `asked` its digest; `person` the login name sent with it, empty if
    unknown. `state`, `reason` and `closing` are those of the reply, also to a repeated command: the new state, the
    person's reason, and the symbols that FLATTEN closes.
    """

    key: str
    person: str
    asked: str
    state: TradingState
    reason: str
    closing: list[str]


class TradingStateChanged(Struct, frozen=True, kw_only=True, tag="trading_state_changed"):
    """The trading state changed; `by` is `person` or the part of the desk that found a cause.

    `causes` are all causes of a state other than ACTIVE, each code once. `reason` is their text, or the reason why
    trading was resumed. With `flatten` the desk closes every position while this state lasts. `acknowledged` has the
    venue's numbers of the foreign orders that a person accepted. `command` is a person's command with a key or a login
    name; any other change has none, so that its encoding is that of earlier versions.
    """

    state: TradingState
    reason: str
    by: str
    time_ns: int
    flatten: bool = False
    acknowledged: list[int] = []
    causes: list[StateCause] = []
    command: StateCommand | UnsetType = UNSET

    @property
    def key(self) -> str:
        """Key of the person's command; empty for none."""
        return "" if self.command is UNSET else self.command.key

    @property
    def person(self) -> str:
        """Login name of the person who gave the command; empty if unknown."""
        return "" if self.command is UNSET else self.command.person


class RiskReset(Struct, frozen=True, kw_only=True, tag="risk_reset"):
    """A person reset the state of a risk rule for one `symbol`, or for the whole desk if `symbol` is empty.

    `person` is the login name sent with the command. `before` and `after` are the rule's stored values by name, as
    text. Losses are measured from `equity` afterwards; it is None if unknown. `key` is the command's key.
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
    """The venue has foreign orders with these numbers, and the `policy` of the limits allows them."""

    tickets: list[int]
    policy: ForeignOrderPolicy
    time_ns: int


class EpochTaken(Struct, frozen=True, kw_only=True, tag="epoch_taken"):
    """This portfolio process took the lease under a new epoch; the gateway refuses orders of earlier epochs."""

    epoch: int
    time_ns: int


class JournalChanged(Struct, frozen=True, kw_only=True, tag="journal_met"):
    """The gateway has another journal than `before`; `doubtful` are the open orders that it does not contain."""

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

ANSWERS_OF_VENUE: Final = (OrderUpdated, OrderModifyAnswered, ProtectionAnswered)
"""Events with the outcome of a request, which may be a refusal."""
