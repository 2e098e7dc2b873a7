"""Requests to portfolio on its control socket: queries about the account, and a person's commands."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from proto.control.views import PageRows
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.units import NAME_CHARS_MAX, Cursor, Name, Text, TimeNs, require_exact

REASON_CHARS_MAX: Final = 200
Reason = Annotated[str, Meta(min_length=1, max_length=REASON_CHARS_MAX)]
"""A person's reason for a command; kept in the ledger."""

OptionalKey = Annotated[str, Meta(max_length=NAME_CHARS_MAX)]
"""Key of a command; empty for a command without a key."""


PAST_RULES_MAX: Final = 32
"""Largest number of rules in one command; it exceeds the number of all rules that can be overridden."""


class StatusQuery(
    Struct, frozen=True, tag_field="command", tag="STATUS", forbid_unknown_fields=True, omit_defaults=True
):
    """Request the state of the desk.

    Only the watchdog sets the first two fields, and only notify the third; they are None from any other client.
    `alert_problem` is the error of the last failed ALERT_COMMAND. `supervisor_problem` is a text with the time for
    which supervisord has not answered. `notify_problem` is why alerts do not reach people. Each is empty if there
    is no problem.
    """

    alert_problem: Text | None = None
    supervisor_problem: Text | None = None
    notify_problem: Text | None = None


class ReconcileCommand(Struct, frozen=True, tag_field="command", tag="RECONCILE", forbid_unknown_fields=True):
    """Compare the ledger with the venue now; portfolio replies when the comparison is complete."""


class _TradingCommand(Struct, frozen=True, tag_field="command", forbid_unknown_fields=True):
    """A person's command on the trading state.

    A repeat with the same `key` gets the stored reply and has no effect; a command without a key is executed each time.
    `person` is the login name of the person who sent the command, empty if unknown.
    """

    reason: Reason
    key: OptionalKey = ""
    person: Text = ""


class HaltCommand(_TradingCommand, frozen=True, tag="HALT", forbid_unknown_fields=True):
    """Set the trading state HALTED: send no further order until RESUME, except a person's CLOSE and FLATTEN."""


class ReduceOnlyCommand(_TradingCommand, frozen=True, tag="REDUCE_ONLY", forbid_unknown_fields=True):
    """Set the trading state REDUCE_ONLY: send no order that opens exposure until RESUME; positions may be closed."""


class ResumeCommand(_TradingCommand, frozen=True, tag="RESUME", forbid_unknown_fields=True):
    """Set the trading state ACTIVE. Foreign orders on the account so far count as reviewed."""


class FlattenCommand(_TradingCommand, frozen=True, tag="FLATTEN", forbid_unknown_fields=True):
    """Set the trading state HALTED, and close every position."""


class RiskResetCommand(
    Struct, frozen=True, kw_only=True, tag_field="command", tag="RISK_RESET", forbid_unknown_fields=True
):
    """Clear the state of a risk rule for one symbol, or for all symbols if `symbol` is empty.

    The trading state does not change. `key` identifies the command: a repeat with the same key gets the stored reply
    and has no effect. `person` is the login name of the person who sent the command.
    """

    key: Name
    rule: Name
    symbol: Text
    reason: Reason
    person: Text


class _OrderCommand(Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True):
    """A person's order command.

    A repeat with the same `key` gets the stored reply, which may be a denial, and has no effect. `person` is the login
    name of the person who sent the command, empty if unknown.
    """

    key: Name
    reason: Reason
    person: Text = ""

    def __post_init__(self) -> None:
        """Refuse numbers that are not finite decimals of acceptable size."""
        for field in self.__struct_fields__:
            if isinstance(value := getattr(self, field), Decimal):
                require_exact(field, value)


class PlaceCommand(_OrderCommand, frozen=True, kw_only=True, tag="ORDER", forbid_unknown_fields=True):
    """Buy or sell by hand, under the same risk rules as a signal.

    With `trailing_stop_points` > 0 the desk moves the stop loss of the resulting position with the market, at that
    distance in points; 0 is for no trailing stop. `past_rules` are the codes of the rules that the person overrides for
    this order. The fields from `volume` to `take_profit`, and `expires_ns`, are as in the gateway's BUY and SELL.
    """

    symbol: Name
    side: Side
    volume: Decimal
    type: OrderType
    price: Decimal | None
    time_in_force: TimeInForce | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    trailing_stop_points: Cursor
    expires_ns: TimeNs
    past_rules: Annotated[list[Name], Meta(max_length=PAST_RULES_MAX)] = []


class CloseCommand(_OrderCommand, frozen=True, kw_only=True, tag="CLOSE", forbid_unknown_fields=True):
    """Close a position at the market; allowed in any trading state.

    `position` is its ticket, 0 for every position in the symbol. `volume` is in lots, None for the whole volume.
    """

    symbol: Name
    position: Cursor
    volume: Decimal | None


class CancelCommand(_OrderCommand, frozen=True, kw_only=True, tag="CANCEL", forbid_unknown_fields=True):
    """Cancel a resting order."""

    order_id: Name


class ModifyCommand(_OrderCommand, frozen=True, kw_only=True, tag="MODIFY", forbid_unknown_fields=True):
    """Change a resting order or the stops of a position.

    `order_id` names the order. If it is empty, `symbol` and `position` name the position: its ticket, or 0 for the only
    position in the symbol. The other fields are the new values. A stop that is absent stays unchanged, and a trailing
    stop keeps trailing; None removes a stop. A given stop loss, also None, ends the position's trailing stop. None
    leaves `price` unchanged, 0 leaves `expires_ns` unchanged.
    """

    symbol: Name
    order_id: Text
    position: Cursor
    price: Decimal | None
    stop_loss: Decimal | UnsetType | None = UNSET
    take_profit: Decimal | UnsetType | None = UNSET
    expires_ns: TimeNs


class OrdersQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="ORDERS", forbid_unknown_fields=True):
    """Request at most `limit` orders with a number above `after`: the first ones, or the last ones if `newest`."""

    after: Cursor
    limit: PageRows
    open_only: bool
    newest: bool


class FillsQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="FILLS", forbid_unknown_fields=True):
    """Request at most `limit` deals with a number above `after`: the first ones, or the last ones if `newest`.

    `trades_only` excludes deals that only change cash.
    """

    after: Cursor
    limit: PageRows
    trades_only: bool
    newest: bool


class TradesQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="TRADES", forbid_unknown_fields=True):
    """Request at most `limit` round trips with a number above `after`."""

    after: Cursor
    limit: PageRows


class PositionsQuery(
    Struct, frozen=True, kw_only=True, tag_field="command", tag="POSITIONS", forbid_unknown_fields=True
):
    """Request at most `limit` open positions, ordered by symbol, after skipping the first `after` rows."""

    after: Cursor
    limit: PageRows


class AccountQuery(Struct, frozen=True, tag_field="command", tag="ACCOUNT", forbid_unknown_fields=True):
    """Request the account's money, and its counts of ticks, signals, orders and deals."""


class EquityQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="EQUITY", forbid_unknown_fields=True):
    """Request the first `limit` equity points that are later than the venue time `after`."""

    after: TimeNs
    limit: PageRows


class RiskQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="RISK", forbid_unknown_fields=True):
    """Request at most `limit` rows of the utilization of the risk limits, after skipping the first `after` rows."""

    after: Cursor
    limit: PageRows


class WhyQuery(Struct, frozen=True, tag_field="command", tag="WHY", forbid_unknown_fields=True):
    """Request the causes of an order, a deal, a denial or a risk rule's state, or why a symbol does not trade.

    `id` is a symbol, the id of an order or a denial, the code of a risk rule, `deal N`, `ticket N`, or the number of a
    deal or ticket.
    """

    id: Name


class LatencyQuery(Struct, frozen=True, tag_field="command", tag="LATENCY", forbid_unknown_fields=True):
    """Request the counts of latencies since portfolio started; the difference of two replies is that of an interval."""


ViewQuery = (
    OrdersQuery
    | FillsQuery
    | TradesQuery
    | PositionsQuery
    | AccountQuery
    | EquityQuery
    | RiskQuery
    | WhyQuery
    | LatencyQuery
)
"""Queries that portfolio answers from the account in memory, or from its ledger. They change nothing."""

OrderCommand = PlaceCommand | CloseCommand | CancelCommand | ModifyCommand
TradingCommand = HaltCommand | ReduceOnlyCommand | ResumeCommand | FlattenCommand
DeskCommand = TradingCommand | OrderCommand | RiskResetCommand
ControlRequest = (
    StatusQuery
    | ReconcileCommand
    | RiskResetCommand
    | HaltCommand
    | ReduceOnlyCommand
    | ResumeCommand
    | FlattenCommand
    | PlaceCommand
    | CloseCommand
    | CancelCommand
    | ModifyCommand
    | OrdersQuery
    | FillsQuery
    | TradesQuery
    | PositionsQuery
    | AccountQuery
    | EquityQuery
    | RiskQuery
    | WhyQuery
    | LatencyQuery
)
