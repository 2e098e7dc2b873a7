"""Requests to portfolio on its control socket: queries about the account, and a person's commands."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

from msgspec import Meta, Struct

from proto.control.views import PageRows
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.units import Cursor, Name, Text, TimeNs, require_exact

REASON_CHARS_MAX: Final = 200
Reason = Annotated[str, Meta(min_length=1, max_length=REASON_CHARS_MAX)]
"""A person's reason for a command; kept in the ledger."""


PAST_RULES_MAX: Final = 32
"""Above the number of rules that a person may override."""


class StatusQuery(
    Struct, frozen=True, tag_field="command", tag="STATUS", forbid_unknown_fields=True, omit_defaults=True
):
    """Ask for the state of the desk.

    The fields are set by the watchdog, and None from any other client: `alert_problem` is why ALERT_COMMAND failed
    last, `supervisor_problem` how long supervisord has not answered; each is empty if there is no problem.
    """

    alert_problem: Text | None = None
    supervisor_problem: Text | None = None


class ReconcileCommand(Struct, frozen=True, tag_field="command", tag="RECONCILE", forbid_unknown_fields=True):
    """Compare the ledger with the gateway now; the reply comes when that is done."""


class HaltCommand(Struct, frozen=True, tag_field="command", tag="HALT", forbid_unknown_fields=True):
    """Send no further order until RESUME, except a person's CLOSE."""

    reason: Reason


class ReduceOnlyCommand(Struct, frozen=True, tag_field="command", tag="REDUCE_ONLY", forbid_unknown_fields=True):
    """Open nothing; positions may be closed."""

    reason: Reason


class ResumeCommand(Struct, frozen=True, tag_field="command", tag="RESUME", forbid_unknown_fields=True):
    """Trade again; what others did on the account so far counts as reviewed."""

    reason: Reason


class FlattenCommand(Struct, frozen=True, tag_field="command", tag="FLATTEN", forbid_unknown_fields=True):
    """Halt, and close every position."""

    reason: Reason


class RiskResetCommand(
    Struct, frozen=True, kw_only=True, tag_field="command", tag="RISK_RESET", forbid_unknown_fields=True
):
    """Clear what a risk rule remembers, of one `symbol` or ("") of all; the trading state does not change.

    `key` identifies the command: a repeat with the same key gets the stored reply and has no effect. `person` is the
    login name of the caller.
    """

    key: Name
    rule: Name
    symbol: Text
    reason: Reason
    person: Text


class _OrderCommand(Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True):
    """A person's order command. A repeat with the same `key` gets the stored reply, also a denial, and has no effect."""

    key: Name
    reason: Reason

    def __post_init__(self) -> None:
        """Refuse numbers that are not finite decimals of acceptable size."""
        for field in self.__struct_fields__:
            if isinstance(value := getattr(self, field), Decimal):
                require_exact(field, value)


class PlaceCommand(_OrderCommand, frozen=True, kw_only=True, tag="ORDER", forbid_unknown_fields=True):
    """Buy or sell by hand, through the same risk rules as a signal; fields as in the gateway's BUY and SELL.

    `trailing_stop_points` > 0: the desk moves the stop loss of the resulting position with the market. `past_rules`:
    codes of limits that do not apply to this order, for its `reason`.
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
    """Close `volume` lots of a position at the market, None for all; `position` 0 is everything held of the symbol.

    It is allowed in any trading state.
    """

    symbol: Name
    position: Cursor
    volume: Decimal | None


class CancelCommand(_OrderCommand, frozen=True, kw_only=True, tag="CANCEL", forbid_unknown_fields=True):
    """End a resting order."""

    order_id: Name


class ModifyCommand(_OrderCommand, frozen=True, kw_only=True, tag="MODIFY", forbid_unknown_fields=True):
    """Change a resting order (`order_id`) or the stops of a position (`symbol`, `position` 0 for its only one).

    The values are the new terms: None removes a stop, and leaves `price` as it is.
    """

    symbol: Name
    order_id: Text
    position: Cursor
    price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    expires_ns: TimeNs


class OrdersQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="ORDERS", forbid_unknown_fields=True):
    """Ask for orders with a number above `after`, at most `limit`; `newest`: the last ones instead of the first."""

    after: Cursor
    limit: PageRows
    open_only: bool
    newest: bool


class FillsQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="FILLS", forbid_unknown_fields=True):
    """Ask for deals with a number above `after`, at most `limit`; `newest`: the last ones instead of the first.

    `trades_only` leaves out deals that only move cash.
    """

    after: Cursor
    limit: PageRows
    trades_only: bool
    newest: bool


class TradesQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="TRADES", forbid_unknown_fields=True):
    """Ask for round trips with a number above `after`, at most `limit`."""

    after: Cursor
    limit: PageRows


class PositionsQuery(
    Struct, frozen=True, kw_only=True, tag_field="command", tag="POSITIONS", forbid_unknown_fields=True
):
    """Ask for open positions by symbol, without the first `after` rows."""

    after: Cursor
    limit: PageRows


class AccountQuery(Struct, frozen=True, tag_field="command", tag="ACCOUNT", forbid_unknown_fields=True):
    """Ask for money and progress of the account."""


class RiskQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="RISK", forbid_unknown_fields=True):
    """Ask for the utilization of the risk limits, without the first `after` rows."""

    after: Cursor
    limit: PageRows


class WhyQuery(Struct, frozen=True, tag_field="command", tag="WHY", forbid_unknown_fields=True):
    """Ask why something happened or did not.

    `id` is a symbol, an order's or a denial's id, `deal N`, `ticket N`, a number, or a rule's code.
    """

    id: Name


ViewQuery = OrdersQuery | FillsQuery | TradesQuery | PositionsQuery | AccountQuery | RiskQuery | WhyQuery
"""Queries answered from the account in memory; they change nothing."""

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
    | RiskQuery
    | WhyQuery
)
