"""Requests to portfolio on its control socket: questions about the account, and commands of a person."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

from msgspec import Meta, Struct

from proto.control.views import PageRows
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.units import Cursor, Name, Text, TimeNs, require_exact

REASON_CHARS_MAX: Final = 200
Reason = Annotated[str, Meta(min_length=1, max_length=REASON_CHARS_MAX)]
"""Why somebody changed what the desk may do; kept in the ledger."""


PAST_RULES_MAX: Final = 32
"""More than there are rules that may be passed."""


class StatusQuery(
    Struct, frozen=True, tag_field="command", tag="STATUS", forbid_unknown_fields=True, omit_defaults=True
):
    """How is the desk doing.

    The watchdog's alone, None from anybody else: `alert_problem` is why ALERT_COMMAND failed last, `supervisor_problem`
    for how long supervisord has not answered; each empty where there is no problem.
    """

    alert_problem: Text | None = None
    supervisor_problem: Text | None = None


class ReconcileCommand(Struct, frozen=True, tag_field="command", tag="RECONCILE", forbid_unknown_fields=True):
    """Compare the ledger with the gateway now; answered when that is done."""


class HaltCommand(Struct, frozen=True, tag_field="command", tag="HALT", forbid_unknown_fields=True):
    """Send no further order until RESUME, but for what a person closes by CLOSE."""

    reason: Reason


class ReduceOnlyCommand(Struct, frozen=True, tag_field="command", tag="REDUCE_ONLY", forbid_unknown_fields=True):
    """Open nothing; what is held may be closed."""

    reason: Reason


class ResumeCommand(Struct, frozen=True, tag_field="command", tag="RESUME", forbid_unknown_fields=True):
    """Trade again; what others did on the account until now has been looked at."""

    reason: Reason


class FlattenCommand(Struct, frozen=True, tag_field="command", tag="FLATTEN", forbid_unknown_fields=True):
    """Halt, and close every position."""

    reason: Reason


class RiskResetCommand(
    Struct, frozen=True, kw_only=True, tag_field="command", tag="RISK_RESET", forbid_unknown_fields=True
):
    """Clear what a risk rule remembers, of one `symbol` or ("") of all; the trading state stays what it is.

    `key` names the command: with the same one it is answered again and not done again. `person` is the login name of
    who asks.
    """

    key: Name
    rule: Name
    symbol: Text
    reason: Reason
    person: Text


class _OrderCommand(Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True):
    """A person's order. `key` names the command: said again with the same key, it is answered, denials as well, and not done again."""

    key: Name
    reason: Reason

    def __post_init__(self) -> None:
        """Every number that is told is finite and of a sane size."""
        for field in self.__struct_fields__:
            if isinstance(value := getattr(self, field), Decimal):
                require_exact(field, value)


class PlaceCommand(_OrderCommand, frozen=True, kw_only=True, tag="ORDER", forbid_unknown_fields=True):
    """Buy or sell by hand, through the same risk rules as a signal. Fields as in the gateway's BUY and SELL.

    `trailing_stop_points` > 0: the desk moves the stop loss of what is filled along with the market, 0 does not.
    `past_rules`: codes of limits that the order is let past, for the reason that it gives.
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
    """Close a position at the market, `volume` lots of it or all; `position` 0 is all that is held of the symbol.

    It goes out in any trading state.
    """

    symbol: Name
    position: Cursor
    volume: Decimal | None


class CancelCommand(_OrderCommand, frozen=True, kw_only=True, tag="CANCEL", forbid_unknown_fields=True):
    """End an order that rests at the venue."""

    order_id: Name


class ModifyCommand(_OrderCommand, frozen=True, kw_only=True, tag="MODIFY", forbid_unknown_fields=True):
    """Change an order that rests (`order_id`), or the stops of a position (`symbol`, `position` 0 for the one there is).

    The values are those that hold afterwards: None takes a stop away, and leaves `price` as it is.
    """

    symbol: Name
    order_id: Text
    position: Cursor
    price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    expires_ns: TimeNs


class OrdersQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="ORDERS", forbid_unknown_fields=True):
    """Orders with a number above `after`, at most `limit`; `newest`: the last ones instead of the first ones."""

    after: Cursor
    limit: PageRows
    open_only: bool
    newest: bool


class FillsQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="FILLS", forbid_unknown_fields=True):
    """Deals with a number above `after`, at most `limit`; `newest` as for orders. `trades_only` leaves out what moved cash alone."""

    after: Cursor
    limit: PageRows
    trades_only: bool
    newest: bool


class TradesQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="TRADES", forbid_unknown_fields=True):
    """Round trips with a number above `after`, at most `limit`."""

    after: Cursor
    limit: PageRows


class PositionsQuery(
    Struct, frozen=True, kw_only=True, tag_field="command", tag="POSITIONS", forbid_unknown_fields=True
):
    """What is held, by symbol, but for the first `after` rows."""

    after: Cursor
    limit: PageRows


class AccountQuery(Struct, frozen=True, tag_field="command", tag="ACCOUNT", forbid_unknown_fields=True):
    """The money, and how far the desk has come."""


class RiskQuery(Struct, frozen=True, kw_only=True, tag_field="command", tag="RISK", forbid_unknown_fields=True):
    """What the limits stand at, but for the first `after` rows."""

    after: Cursor
    limit: PageRows


class WhyQuery(Struct, frozen=True, tag_field="command", tag="WHY", forbid_unknown_fields=True):
    """Why something happened, or did not.

    `id` is a symbol, an order's or a denial's id, `deal N`, `ticket N`, a number, or a rule's code.
    """

    id: Name


ViewQuery = OrdersQuery | FillsQuery | TradesQuery | PositionsQuery | AccountQuery | RiskQuery | WhyQuery
"""What is answered from the account as it is, and changes nothing."""

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
