"""Replies of the MT5 gateway on its request socket: maps with a `status`.

Every reply names the gateway's mode, venue, account and boot. A refusal has an `error_code` and a text.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from proto.gateway.codes import ErrorCode
from proto.gateway.records import TickCounts, VenueDeal, VenueOrder, VenuePosition, require_all_exact
from proto.trading.enums import AccountMode
from proto.trading.instrument import Instrument
from proto.trading.units import Cursor, Name, OptionalName, Sequence, Text, TimeNs

GatewayMode = Literal["simulated", "demo", "live"]
"""Kind of the gateway's account: a simulated account, or the demo or real account of a terminal."""

RequestId = OptionalName


class _Reply(Struct, frozen=True, kw_only=True, tag_field="reply"):
    status: Annotated[str, Meta(max_length=32)]
    request_id: RequestId = ""
    mode: GatewayMode
    venue: Name
    account: Name
    boot_id: Name
    error: Text | None = None
    error_code: ErrorCode | None = None


class ErrorReply(_Reply, frozen=True, kw_only=True, tag="error"):
    """The request was refused, or failed; PROTOCOL.md defines the client's reaction to each error code."""


class PingReply(_Reply, frozen=True, kw_only=True, tag="ping"):
    """The gateway is alive; `now_ns` is venue time."""

    now_ns: TimeNs


class KnownIds(Struct, frozen=True, forbid_unknown_fields=True):
    """Number of order ids of one incarnation in the gateway's journal, and the highest number in such an id."""

    count: Cursor
    highest: Cursor


class HelloReply(_Reply, frozen=True, kw_only=True, tag="hello"):
    """State of the stream and the account.

    `window` is 0 in a live stream. `published` and `confirmed` are ordinals. `sequences` is the last published sequence
    of each symbol. `journal_id` identifies the gateway's journal. `data_sha256` is empty if the ticks do not come from
    a file. `epoch` is the highest epoch ever leased, 0 for none. `lease_now_ns`, of the gateway's monotonic clock, is
    the value that the first LEASE must repeat. `leverage` 0 means that no margin is required. `known_ids` counts the
    order ids of the form `xxxxxxxx-nnnnnn` by their first part, the incarnation; None if the gateway cannot count them.
    `deal_cursor` is the number of the newest deal, None while the history that the venue
    shows may be incomplete.
    """

    stream_id: Name
    journal_id: Name
    now_ns: TimeNs
    window: Cursor
    published: Cursor
    confirmed: Cursor
    sequences: dict[str, Cursor]
    first_time_ns: TimeNs
    currency: Annotated[str, Meta(min_length=3, max_length=8)]
    currency_digits: Annotated[int, Meta(ge=0, le=8)]
    data_sha256: OptionalName
    fills: Name
    account_mode: AccountMode = AccountMode.NETTING
    leverage: Cursor = 0
    epoch: Cursor = 0
    lease_now_ns: TimeNs = 0
    is_halted: bool = False
    known_ids: dict[Name, KnownIds] | None = None
    deal_cursor: Cursor | None = None


class LeaseReply(_Reply, frozen=True, kw_only=True, tag="lease"):
    """Outcome of a LEASE.

    `epoch` is the highest epoch at the gateway, `lease_now_ns` the value that the next LEASE must repeat. With status
    ERROR nothing was leased. The error code is STALE_EPOCH if another client has leased this epoch or a higher one,
    EPOCH_TOO_HIGH if the epoch is too far above the highest one, and LEASE_STALE if the request is too old. After
    LEASE_STALE the client repeats the request with the `lease_now_ns` of this reply. `halt_reason` is a person's reason
    for halting the gateway, `venue_problem` says why the venue cannot be reached, and `storage_problem` why the gateway
    cannot write its journal. Each of these texts is empty if it does not apply.
    """

    epoch: Cursor
    lease_now_ns: TimeNs
    expires_in_ms: Cursor
    halt_reason: Text = ""
    venue_problem: Text = ""
    storage_problem: Text = ""


class HaltReply(_Reply, frozen=True, kw_only=True, tag="halt"):
    """Whether a person has halted the gateway, and the person's reason.

    `closed` are the tickets of the closing orders of a FLATTEN that the venue already shows.
    """

    is_halted: bool
    reason: Text
    closed: list[Sequence] = []


class SimulateReply(_Reply, frozen=True, kw_only=True, tag="simulate"):
    """The faults in force, each with the remaining calls or milliseconds; a fault with a `rate` lasts until ALL_OFF."""

    active: dict[str, Cursor]


class OrderReply(_Reply, frozen=True, kw_only=True, tag="order"):
    """State of an order at the gateway.

    `deal_cursor` is the number of deals in the book after the request. `quiet` is True if no further tick can change
    the book by itself. `position` is the ticket of the position that the order's last deal changed.
    """

    order_id: OptionalName
    symbol: str | None = None
    action: str | None = None
    ticket: int | None = None
    deal: int | None = None
    filled_price: Decimal | None = None
    filled_volume: Decimal | None = None
    retcode: int | None = None
    time_ns: TimeNs = 0
    ordinal: Cursor = 0
    deal_cursor: Cursor = 0
    quiet: bool = False
    position: int | None = None


class ModifyReply(_Reply, frozen=True, kw_only=True, tag="modify"):
    """The order or the position after a MODIFY; both are None if the target no longer exists.

    With status REJECTED nothing was changed; `retcode` and `error_code` give the reason. `deal_cursor` and `quiet` are
    as in `OrderReply`.
    """

    order: VenueOrder | None = None
    position: VenuePosition | None = None
    retcode: int | None = None
    deal_cursor: Cursor = 0
    quiet: bool = False


class ConfirmReply(_Reply, frozen=True, kw_only=True, tag="confirm"):
    """State of the book after it has processed tick `ordinal` + 1; `deal_cursor` is the number of deals at that tick.

    `order_cursor` counts the orders that a tick ended without filling them in whole: expired, stopped out or refused on
    arrival. When the count has grown, the client requests the status of its open orders. `end_of_data` is True if no
    tick follows `ordinal`. `counts` is None before the end.
    """

    ordinal: Cursor
    deal_cursor: Cursor
    quiet: bool
    end_of_data: bool
    counts: TickCounts | None = None
    order_cursor: Cursor = 0


class AccountReply(_Reply, frozen=True, kw_only=True, tag="account"):
    """Money of the account, in its currency.

    `equity`, `margin` and `free_margin` are None when a position cannot be valued. `margin_level_pct` is equity /
    margin in percent, None without margin. When it is below `margin_call_level_pct`, the broker warns; when it is below
    `stop_out_level_pct`, the broker closes positions. A level is None if the venue has none or does not report it.
    """

    currency: Name
    currency_digits: Annotated[int, Meta(ge=0, le=8)]
    balance: Decimal
    equity: Decimal | None
    deal_cursor: Cursor
    ordinal: Cursor
    account_mode: AccountMode = AccountMode.NETTING
    leverage: Cursor = 0
    margin: Decimal | None = Decimal(0)
    free_margin: Decimal | None = None
    margin_level_pct: Decimal | None = None
    margin_call_level_pct: Decimal | None = None
    stop_out_level_pct: Decimal | None = None

    @property
    def is_margin_call(self) -> bool:
        """Whether the margin level is below the margin call level."""
        level, call = self.margin_level_pct, self.margin_call_level_pct
        return level is not None and call is not None and level < call

    def __post_init__(self) -> None:
        """Refuse numbers that are not finite decimals of acceptable size."""
        require_all_exact(self, "balance", "equity", "margin", "free_margin", "margin_level_pct")
        require_all_exact(self, "margin_call_level_pct", "stop_out_level_pct")


class PositionsReply(_Reply, frozen=True, kw_only=True, tag="positions"):
    """Open positions; `next` is the cursor of the following page, None at the end."""

    positions: list[VenuePosition]
    next: Cursor | None


class OrdersReply(_Reply, frozen=True, kw_only=True, tag="orders"):
    """Orders in the order of their tickets; `next` is the cursor of the following page, None at the end."""

    orders: list[VenueOrder]
    next: Cursor | None


class DealsReply(_Reply, frozen=True, kw_only=True, tag="deals"):
    """Deals in the order of execution; `next` is the cursor of the following page, None at the end."""

    deals: list[VenueDeal]
    next: Cursor | None


class SymbolReply(_Reply, frozen=True, kw_only=True, tag="symbol"):
    """Trading terms of one symbol."""

    instrument: Instrument


class TicksReply(_Reply, frozen=True, kw_only=True, tag="ticks"):
    """Published ticks of one symbol as columns of equal length; the first tick has sequence `from_sequence`."""

    symbol: Name
    stream_id: Name
    from_sequence: Sequence
    ordinal: list[int]
    time_ns: list[int]
    bid: list[float]
    ask: list[float]
    volume: list[float]


Reply = (
    ErrorReply
    | PingReply
    | HelloReply
    | LeaseReply
    | HaltReply
    | SimulateReply
    | OrderReply
    | ModifyReply
    | ConfirmReply
    | AccountReply
    | PositionsReply
    | OrdersReply
    | DealsReply
    | SymbolReply
    | TicksReply
)
