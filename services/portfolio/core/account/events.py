"""What the ledger remembers: the events that the state is folded from.

An event is a fact that was decided or learned. Folding one never judges, so that a ledger of any age folds to the same
state. A signal that came to nothing is no event: it is counted in the tick cursor.
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

    `orders_before` and `deals_before` are what the account had of either, so that a run's own can be told apart. `leverage` is the
    account's, 0 where no margin is asked for.
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
    """Within a stream, the account has another leverage than before."""

    leverage: int
    time_ns: int


class IncarnationTaken(Struct, frozen=True, kw_only=True, tag="incarnation_taken"):
    """Within a stream, ids of orders begin again: `why` the ledger may have lost some that were given out.

    `seen` are the highest numbers of each incarnation that the gateway knew then.
    """

    incarnation: str
    why: str
    time_ns: int
    seen: dict[str, int] = {}


class InstrumentLearned(Struct, frozen=True, kw_only=True, tag="instrument_learned"):
    """The venue told its terms of a symbol; `changes` are those that were others before, in words."""

    instrument: Instrument
    changes: list[str] = []


class OrderCreated(Struct, frozen=True, kw_only=True, tag="order_created"):
    """An order was decided and its volume reserved; nothing has been sent yet."""

    order: Order


class OrderDenied(Struct, frozen=True, kw_only=True, tag="order_denied"):
    """The first of a run of signals that a rule turned down: the rule's code, its limit and what was observed.

    `denial_id` names it; publisher, symbol and `sequence` are those of the signal and its tick, with the quote. With `cause` `manual` it was
    a person's command, which is denied each time: `key` names it, `asked` is the digest of it, `reason` is the person's, there is no
    publisher, and the tick is the latest of the symbol that was decided on; `direction` 0 is a change of what is there.
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
    """What a person was told whose command a rule has turned down, for when it is said again."""

    code: str
    limit: str
    observed: str
    denial_id: str = ""
    asked: str = ""


class OrderUpdated(Struct, frozen=True, kw_only=True, tag="order_updated"):
    """The venue's word on an order, or the lack of it."""

    order_id: str
    status: OrderStatus
    ticket: int | None
    retcode: int | None
    code: str
    error: str
    time_ns: int


class CancelRequested(Struct, frozen=True, kw_only=True, tag="cancel_asked"):
    """The desk wants an order ended that may rest at the venue; only the venue's word ends it.

    An empty `why` takes it back: the venue would not. `key` names the person's command that it came from, `asked` is the digest of that.
    """

    order_id: str
    why: str
    ordinal: int
    time_ns: int
    key: str = ""
    asked: str = ""


class OrderModifyRequested(Struct, frozen=True, kw_only=True, tag="order_changed"):
    """The desk wants other terms for an order that rests, under a revision that the venue has not answered yet.

    `key` names the person's command that it came from, `asked` is the digest of that.
    """

    order_id: str
    terms: OrderTerms
    revision: int
    time_ns: int
    key: str = ""
    asked: str = ""


class OrderModifyAnswered(Struct, frozen=True, kw_only=True, tag="order_change_answered"):
    """The venue's word on a change of an order; `terms` are those that it has, the old ones where there is an `error`."""

    order_id: str
    terms: OrderTerms
    revision: int
    error: str
    time_ns: int


class ProtectionSet(Struct, frozen=True, kw_only=True, tag="protection_set"):
    """The desk wants a position to be guarded so: `why` is what made it, at the quote and tick that it was decided on.

    `key` names the person's command that it came from, `asked` is the digest of that.
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
    """The venue's word on a revision of a position's stops: with an `error` it has the stops that are given here."""

    key: str
    revision: int
    stop_loss: Decimal | None
    take_profit: Decimal | None
    retcode: int | None
    error: str
    time_ns: int


class DealBooked(Struct, frozen=True, kw_only=True, tag="deal_booked"):
    """A deal of the venue was booked; `order_id` is ours or empty, `closings` the lots it closed."""

    deal: VenueDeal
    order_id: str
    closings: list[ClosedLot]


class StreamEnded(Struct, frozen=True, kw_only=True, tag="stream_ended"):
    """The data of the stream is at its end, and every deal up to it is booked."""

    stream_id: str
    ordinal: int
    time_ns: int
    counts: TickCounts


class ReconciliationWatermark(Struct, frozen=True, kw_only=True):
    """Up to here ledger and venue agree for good: the venue's orders and deals, and the desk's own orders, by number."""

    ticket: int = 0
    deal: int = 0
    number: int = 0


class Reconciled(Struct, frozen=True, kw_only=True, tag="reconciled"):
    """Ledger and venue were compared; `at_end` when the stream had ended.

    `cleared` says up to where nothing need be compared again: all before it agreed, is settled and is old.
    """

    ordinal: int
    at_end: bool
    balance: Decimal
    differences: list[Difference]
    cleared: ReconciliationWatermark | None = None


class TradingStateChanged(Struct, frozen=True, kw_only=True, tag="trading_state_changed"):
    """What the desk may do has changed; `by` says who decided: `person`, or the part of the desk that found something.

    `causes` is everything that keeps it from ACTIVE, each code once; `reason` the same for people, or why it was
    resumed. `flatten`: every position is to be closed, for as long as this state holds. `acknowledged`: the venue's
    numbers of orders that are not the desk's and that a person has looked at.
    """

    state: TradingState
    reason: str
    by: str
    time_ns: int
    flatten: bool = False
    acknowledged: list[int] = []
    causes: list[StateCause] = []


class RiskReset(Struct, frozen=True, kw_only=True, tag="risk_reset"):
    """A person has cleared what a risk rule remembered, of one `symbol` or ("") of the whole desk.

    `person` is the login name that the command came with, `before` and `after` are what the rule remembered then, by
    name in words. `equity` is what losses are measured from afterwards, None where it was not known. `key` names the
    command.
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
    """The venue has orders with these numbers that are not the desk's; by the `policy` of its limits it trades on."""

    tickets: list[int]
    policy: ForeignOrderPolicy
    time_ns: int


class EpochTaken(Struct, frozen=True, kw_only=True, tag="epoch_taken"):
    """This portfolio leads the account from now on; orders of an earlier epoch that are still on their way are void."""

    epoch: int
    time_ns: int


class JournalChanged(Struct, frozen=True, kw_only=True, tag="journal_met"):
    """The gateway has another journal than before, which knows none of the ids: `doubtful` are the orders left in doubt."""

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
