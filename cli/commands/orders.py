"""`paperdesk order buy|sell|cancel|modify` and `paperdesk close`: orders by hand.

The risk rules for the orders of signals check these orders too. Each command has a key. A command that is repeated with
the same key has no further effect, and its first reply is sent again. Portfolio replies as soon as the command is
durable in the ledger; `paperdesk orders` and `paperdesk why` show the venue's response.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final

import typer
from msgspec import UNSET, UnsetType, structs

from cli.command_options import KeyedOptions, checked_name, login_name, repeat_hint
from cli.desk_client import DeskClient, no_answer_error, open_running_desk
from cli.json_output import print_json
from cli.option_groups import with_option_groups
from cli.tick_arguments import is_symbol
from common.errors import StartError
from proto.control import (
    PAST_RULES_MAX,
    CancelCommand,
    CloseCommand,
    ModifyCommand,
    OrderCommand,
    OrderCommandReply,
    OrdersQuery,
    PlaceCommand,
    denial_message,
)
from proto.control.views import OrdersReply
from proto.time import SECOND_NS
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.number_text import parse_decimal
from proto.trading.units import decimal_text

app = typer.Typer()
group = typer.Typer(help="Buy, sell, cancel and change orders by hand.", no_args_is_help=True)
app.add_typer(group, name="order")

EXIT_DENIED: Final = 1
NONE: Final = "none"
EXAMPLE: Final = "[bold]Example[/bold]\n\n  paperdesk {}"

Volume = Annotated[str, typer.Option("--volume", metavar="LOTS", help="Volume in lots.", show_default=False)]
Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="A symbol such as EURUSD.", show_default=False)]
Expires = Annotated[
    str | None, typer.Option("--expires", metavar="TIME", help="Expiry of the order, such as 2026-11-27T12:00Z.")
]


@dataclass(frozen=True, kw_only=True)
class OrderOptions:
    """Options of a new order."""

    symbol: Symbol
    volume: Volume
    limit: Annotated[str | None, typer.Option("--limit", metavar="PRICE", help="Limit price.")] = None
    stop: Annotated[str | None, typer.Option("--stop", metavar="PRICE", help="Stop price that triggers the order.")] = (
        None
    )
    tif: Annotated[TimeInForce | None, typer.Option("--tif", help="Time in force.")] = None
    sl: Annotated[str | None, typer.Option("--sl", metavar="PRICE", help="Stop loss of the position.")] = None
    tp: Annotated[str | None, typer.Option("--tp", metavar="PRICE", help="Take profit of the position.")] = None
    trailing: Annotated[
        int,
        typer.Option(
            "--trailing", metavar="POINTS", min=0, max=1_000_000, help="Distance of a trailing stop; 0 for none."
        ),
    ] = 0
    expires: Expires = None
    past_rule: Annotated[
        list[str] | None,
        typer.Option("--past-rule", metavar="RULE", help="Override this risk rule for the order; repeatable."),
    ] = None


@group.command(epilog=EXAMPLE.format('order buy EURUSD --volume 0.10 --sl 1.0800 --reason "breakout"'))
@with_option_groups
def buy(order: OrderOptions, options: KeyedOptions) -> int:
    """Buy at the market, or at the price of --limit or --stop."""
    return _place(Side.BUY, order, options)


@group.command(epilog=EXAMPLE.format('order sell EURUSD --volume 0.10 --limit 1.1000 --reason "range"'))
@with_option_groups
def sell(order: OrderOptions, options: KeyedOptions) -> int:
    """Sell at the market, or at the price of --limit or --stop."""
    return _place(Side.SELL, order, options)


@group.command(epilog=EXAMPLE.format('order cancel 0123abcd-000017 --reason "too late"'))
@with_option_groups
def cancel(
    order_id: Annotated[str, typer.Argument(metavar="ID", help="The order's id.", show_default=False)],
    options: KeyedOptions,
) -> int:
    """Cancel a resting order."""
    command = CancelCommand(
        key=options.command_key(),
        reason=options.plain_reason(),
        person=login_name(),
        order_id=checked_name("ID", order_id),
    )
    with open_running_desk(options.data_dir, options.url) as desk:
        return _send(desk, command, f"cancel of order {order_id} accepted", as_json=options.as_json)


@group.command(epilog=EXAMPLE.format('order modify 0123abcd-000017 --price 1.0950 --reason "follow"'))
@with_option_groups
def modify(
    options: KeyedOptions,
    order_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="The order's id.", show_default=False)] = None,
    position: Annotated[
        str | None,
        typer.Option(
            "--position",
            metavar="SYMBOL[:TICKET]",
            help="Change the stops of this position, not an order; TICKET on a hedging account.",
        ),
    ] = None,
    price: Annotated[str | None, typer.Option("--price", metavar="PRICE", help="Limit or stop price.")] = None,
    sl: Annotated[str | None, typer.Option("--sl", metavar="PRICE", help="Stop loss, or none to remove it.")] = None,
    tp: Annotated[str | None, typer.Option("--tp", metavar="PRICE", help="Take profit, or none to remove it.")] = None,
    expires: Expires = None,
) -> int:
    """Change a resting order, or the stops of a position; values without an option stay unchanged.

    Raises:
        StartError: the options contradict each other, or the desk has no such order, or refuses, or does not answer.
    """
    if (order_id is None) == (position is None):
        raise StartError("order modify takes an order's ID or --position SYMBOL[:TICKET], expected one of the two")
    if position is not None and (price is not None or expires is not None):
        raise StartError("--position with --price or --expires, expected --sl or --tp: a position has no other terms")
    if price is None and sl is None and tp is None and expires is None:
        raise StartError("nothing to change, expected --sl or --tp; for an order also --price or --expires")
    symbol, ticket = ("", 0) if position is None else _position(position)
    command = ModifyCommand(
        key=options.command_key(),
        reason=options.plain_reason(),
        person=login_name(),
        symbol=symbol,
        order_id=order_id or "",
        position=ticket,
        price=_decimal("--price", price),
        stop_loss=_stop("--sl", sl),
        take_profit=_stop("--tp", tp),
        expires_ns=_time_ns(expires),
    )
    with open_running_desk(options.data_dir, options.url) as desk:
        if order_id is not None:
            command = structs.replace(command, symbol=_symbol_of_order(desk, order_id))
        accepted = f"change of {order_id or position} accepted"
        return _send(desk, command, accepted, as_json=options.as_json)


@app.command(epilog=EXAMPLE.format('close EURUSD --reason "news at 14:30"'))
@with_option_groups
def close(
    symbol: Symbol,
    options: KeyedOptions,
    position: Annotated[
        int, typer.Option("--position", metavar="TICKET", min=0, help="Only this ticket; 0 for all.")
    ] = 0,
    volume: Annotated[
        str | None, typer.Option("--volume", metavar="LOTS", help="Lots to close.", show_default="all")
    ] = None,
) -> int:
    """Close the position of a symbol at the market, all or part of it."""
    command = CloseCommand(
        key=options.command_key(),
        reason=options.plain_reason(),
        person=login_name(),
        symbol=_symbol(symbol),
        position=position,
        volume=_decimal("--volume", volume),
    )
    with open_running_desk(options.data_dir, options.url) as desk:
        return _send(desk, command, f"close of {symbol} accepted", as_json=options.as_json)


def _command(side: Side, order: OrderOptions, options: KeyedOptions) -> PlaceCommand:
    """The command that places an order, with the checks that need no market data."""
    if order.limit is not None and order.stop is not None:
        raise StartError(f"--limit {order.limit} with --stop {order.stop}, expected one of the two")
    expires_ns, tif = _time_ns(order.expires), order.tif
    if expires_ns and tif is None:
        tif = TimeInForce.GTD
    if (tif is TimeInForce.GTD) != bool(expires_ns):
        shown = "no --tif" if tif is None else f"--tif {tif.value}"
        expires = f"--expires {order.expires}" if order.expires else "no --expires"
        raise StartError(f"{shown} with {expires}, expected --tif GTD with --expires")
    is_market = order.limit is None and order.stop is None
    if is_market and tif in (TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD):
        raise StartError(f"--tif {tif.value} without --limit or --stop, expected IOC or FOK for an order at the market")
    volume = _decimal("--volume", order.volume)
    assert volume is not None
    return PlaceCommand(
        key=options.command_key(),
        reason=options.plain_reason(),
        person=login_name(),
        side=side,
        symbol=_symbol(order.symbol),
        volume=volume,
        type=OrderType.MARKET if is_market else OrderType.LIMIT if order.limit is not None else OrderType.STOP,
        price=_decimal("--limit", order.limit) if order.limit is not None else _decimal("--stop", order.stop),
        time_in_force=tif,
        stop_loss=_decimal("--sl", order.sl),
        take_profit=_decimal("--tp", order.tp),
        trailing_stop_points=order.trailing,
        expires_ns=expires_ns,
        past_rules=_past_rules(order.past_rule or []),
    )


def _past_rules(rules: list[str]) -> list[str]:
    """The codes of rules in capitals; portfolio decides whether a person may override them."""
    if len(rules) > PAST_RULES_MAX:
        raise StartError(f"--past-rule is given {len(rules)} times, expected at most {PAST_RULES_MAX}")
    return [checked_name("--past-rule", rule.upper().replace("-", "_")) for rule in rules]


def _place(side: Side, order: OrderOptions, options: KeyedOptions) -> int:
    command = _command(side, order, options)
    price = "" if command.price is None else f" {command.type.value} {decimal_text(command.price)}"
    accepted = f"{side.value} {decimal_text(command.volume)} {command.symbol}{price} accepted"
    with open_running_desk(options.data_dir, options.url) as desk:
        return _send(desk, command, accepted, as_json=options.as_json)


def _send(desk: DeskClient, command: OrderCommand, accepted: str, *, as_json: bool) -> int:
    """Send a command to portfolio and print the reply; exit code 1 when the command is denied."""
    reply = desk.request(command, OrderCommandReply)
    if reply is None:
        raise no_answer_error(desk.url, repeat_hint(command.key))
    if as_json:
        print_json({name: getattr(reply, name) for name in reply.__struct_fields__})
    elif reply.denied:
        message = denial_message(limit=reply.limit, observed=reply.observed)
        print(f"DENIED by {reply.code}: {message}" + (f" (denial {reply.denial_id})" if reply.denial_id else ""))
        if reply.hint:
            print(reply.hint)
    else:
        new = [order_id for order_id in reply.order_ids if order_id not in accepted]
        print(accepted + (f": {', '.join(new)}" if new else ""))
        if reply.past_rules:
            print(f"overridden rules: {'; '.join(reply.past_rules)}")
    return EXIT_DENIED if reply.denied else 0


def _symbol_of_order(desk: DeskClient, order_id: str) -> str:
    number = order_id.rpartition("-")[2]
    if number.isascii() and number.isdecimal() and 0 < int(number) < 2**53:
        query = OrdersQuery(after=int(number) - 1, limit=1, open_only=False, newest=False)
        page = desk.request(query, OrdersReply)
        if page is None:
            raise no_answer_error(desk.url, "nothing was done")
        for row in page.rows:
            if row.order_id == order_id:
                return row.symbol
    raise StartError(f"there is no order {order_id}, expected an id from `paperdesk orders`")


def _symbol(text: str) -> str:
    if not is_symbol(text):
        raise StartError(f"SYMBOL is {text!r}, expected a symbol such as EURUSD")
    return text


def _position(text: str) -> tuple[str, int]:
    symbol, colon, ticket = text.partition(":")
    if colon and not (ticket.isascii() and ticket.isdecimal() and 0 < int(ticket) < 2**53):
        raise StartError(f"--position {text}: the ticket is {ticket!r}, expected a whole number above 0")
    return _symbol(symbol), int(ticket or 0)


def _decimal(option: str, text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        value = parse_decimal(text)
    except ValueError:
        value = None
    if value is None or value <= 0:
        raise StartError(f"{option} is {text!r}, expected a number above 0 in ASCII digits, such as 0.01")
    return value


def _stop(option: str, text: str | None) -> Decimal | UnsetType | None:
    """A new stop, None to remove it; unset without the option."""
    if text is None:
        return UNSET
    return None if text == NONE else _decimal(option, text)


def _time_ns(text: str | None) -> int:
    if text is None:
        return 0
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise StartError(f"--expires is {text!r}, expected a time such as 2026-11-27T12:00Z") from None
    if at.tzinfo is None:
        raise StartError(f"--expires is {text!r} without a time zone, expected a time such as 2026-11-27T12:00Z")
    seconds = int((at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    if seconds <= 0:
        raise StartError(f"--expires is {text!r}, expected a time after 1970")
    return seconds * SECOND_NS
