"""`paperdesk order buy|sell|cancel|modify` and `paperdesk close`: a person's orders, through the same risk ladder as a signal's.

Each command has a key: whoever asks again with the same one is answered and nothing is done twice. Portfolio answers when the command is
durable; what the venue makes of it, `paperdesk orders` and `paperdesk why` tell.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.commands.trading_state import ReasonText, validated_reason
from cli.desk_client import DeskClient, Folder, Url, no_answer_error, open_running_desk
from cli.json_output import print_json
from cli.option_groups import with_options_of
from cli.run_options import AsJson
from common.errors import StartError
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.number_text import parse_decimal
from proto.trading.units import decimal_text

if TYPE_CHECKING:
    from proto.control import OrderCommand, PlaceCommand
    from proto.control.views import OrderRow, ProtectionRow

EXIT_DENIED: Final = 1
NONE: Final = "none"
EXAMPLE: Final = "[bold]Example[/bold]\n\n  paperdesk {}"
_NS: Final = 1_000_000_000

Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="K",
        help="Name of this command: said again with it, nothing is done twice.",
        show_default=False,
    ),
]
Volume = Annotated[str, typer.Option("--volume", metavar="LOTS", help="How much, in lots.", show_default=False)]
Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="Such as EURUSD.", show_default=False)]
Limit = Annotated[str | None, typer.Option("--limit", metavar="P", help="Not at a worse price than this.")]
Stop = Annotated[str | None, typer.Option("--stop", metavar="P", help="Only once the market has come to this price.")]
Tif = Annotated[TimeInForce | None, typer.Option("--tif", help="How long it stands.", show_default=False)]
StopLoss = Annotated[str | None, typer.Option("--sl", metavar="P", help="Stop loss of what is opened.")]
TakeProfit = Annotated[str | None, typer.Option("--tp", metavar="P", help="Take profit of what is opened.")]
Trailing = Annotated[
    int, typer.Option("--trailing", metavar="POINTS", min=0, max=1_000_000, help="Let the stop loss follow the market.")
]
Expires = Annotated[
    str | None, typer.Option("--expires", metavar="TIME", help="Until when it stands, such as 2026-11-27T12:00Z.")
]

PastRules = Annotated[
    list[str] | None,
    typer.Option(
        "--past-rule", metavar="RULE", help="Let it past this limit, for the reason given. May be given several times."
    ),
]


def register_commands(parent: typer.Typer) -> None:
    """Register the commands."""
    parent.add_typer(group(), name="order")
    parent.command(epilog=EXAMPLE.format('close EURUSD --reason "news at 14:30"'))(close)


def group() -> typer.Typer:
    """The commands below `order`."""
    app = typer.Typer(help="Buy, sell, cancel and change orders by hand.", no_args_is_help=True)
    app.command(epilog=EXAMPLE.format('order buy EURUSD --volume 0.10 --sl 1.0800 --reason "breakout"'))(buy)
    app.command(epilog=EXAMPLE.format('order sell EURUSD --volume 0.10 --limit 1.1000 --reason "range"'))(sell)
    app.command(epilog=EXAMPLE.format('order cancel 0123abcd-000017 --reason "too late"'))(cancel)
    app.command(epilog=EXAMPLE.format('order modify 0123abcd-000017 --price 1.0950 --reason "follow"'))(modify)
    return app


@dataclass(frozen=True, kw_only=True)
class OrderOptions:
    """The options of an order: each field as typer reads it."""

    symbol: Symbol
    volume: Volume
    reason: ReasonText
    limit: Limit = None
    stop: Stop = None
    tif: Tif = None
    sl: StopLoss = None
    tp: TakeProfit = None
    trailing: Trailing = 0
    expires: Expires = None
    past_rule: PastRules = None
    key: Key = None
    data_dir: Folder = None
    url: Url = None
    as_json: AsJson = False


@with_options_of(OrderOptions)
def buy(order: OrderOptions) -> int:
    """Buy at the market, or with --limit or --stop at a price."""
    return _place(Side.BUY, order)


@with_options_of(OrderOptions)
def sell(order: OrderOptions) -> int:
    """Sell at the market, or with --limit or --stop at a price."""
    return _place(Side.SELL, order)


def cancel(
    order_id: Annotated[str, typer.Argument(metavar="ID", help="The order's id.", show_default=False)],
    reason: ReasonText,
    key: Key = None,
    data_dir: Folder = None,
    url: Url = None,
    as_json: AsJson = False,
) -> int:
    """End an order that rests at the venue."""
    from proto.control import CancelCommand

    command = CancelCommand(
        key=command_key(key), reason=validated_reason(reason), order_id=command_name("ID", order_id)
    )
    with open_running_desk(data_dir, url) as desk:
        return _tell(desk, command, f"order {order_id} is to be canceled", as_json=as_json)


def modify(
    reason: ReasonText,
    order_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="The order's id.", show_default=False)] = None,
    position: Annotated[
        str | None,
        typer.Option(
            "--position", metavar="SYMBOL[:TICKET]", help="A position instead, by its ticket on a hedging account."
        ),
    ] = None,
    price: Annotated[str | None, typer.Option("--price", metavar="P", help="Limit or stop price of the order.")] = None,
    sl: Annotated[str | None, typer.Option("--sl", metavar="P", help="Stop loss, or none.")] = None,
    tp: Annotated[str | None, typer.Option("--tp", metavar="P", help="Take profit, or none.")] = None,
    expires: Expires = None,
    key: Key = None,
    data_dir: Folder = None,
    url: Url = None,
    as_json: AsJson = False,
) -> int:
    """Change an order that rests, or a position's stops; what is not named stays as it is, and `none` takes a stop away."""
    from proto.control import ModifyCommand

    if (order_id is None) == (position is None):
        raise StartError("order modify takes an order's ID or --position SYMBOL[:TICKET], expected one of the two")
    if position is not None and (price is not None or expires is not None):
        raise StartError("a position has stops only: --price and --expires are of an order's")
    if price is None and sl is None and tp is None and expires is None:
        raise StartError("nothing to change, expected --sl or --tp, or for an order --price or --expires as well")
    fields: dict[str, Any] = {"price": _decimal("--price", price), "expires_ns": _time_ns(expires)}
    fields |= {"stop_loss": _stop("--sl", sl), "take_profit": _stop("--tp", tp)}
    fields |= {"key": command_key(key), "reason": validated_reason(reason)}
    with open_running_desk(data_dir, url) as desk:
        present: OrderRow | ProtectionRow | None
        if order_id is not None:
            present = _order_of(desk, order_id)
            fields |= {"symbol": present.symbol, "order_id": order_id, "position": 0}
            fields["expires_ns"] = fields["expires_ns"] or present.expires_ns
        else:
            assert position is not None
            symbol, ticket = _position(position)
            present = _guard_of(desk, symbol, ticket)
            fields |= {"symbol": symbol, "order_id": "", "position": ticket}
        for field, words in (("stop_loss", sl), ("take_profit", tp)):
            if words is None and present is not None:
                fields[field] = getattr(present, field)
        return _tell(desk, ModifyCommand(**fields), f"{order_id or position} is to be changed", as_json=as_json)


def close(
    symbol: Symbol,
    reason: ReasonText,
    position: Annotated[int, typer.Option("--position", metavar="T", min=0, help="Only this ticket; all without.")] = 0,
    volume: Annotated[
        str | None, typer.Option("--volume", metavar="LOTS", help="Only so much of it; all without.")
    ] = None,
    key: Key = None,
    data_dir: Folder = None,
    url: Url = None,
    as_json: AsJson = False,
) -> int:
    """Close what is held of a symbol at the market, all of it or a part."""
    from proto.control import CloseCommand

    command = CloseCommand(
        key=command_key(key),
        reason=validated_reason(reason),
        symbol=_symbol(symbol),
        position=position,
        volume=_decimal("--volume", volume),
    )
    with open_running_desk(data_dir, url) as desk:
        return _tell(desk, command, f"{symbol} is to be closed", as_json=as_json)


def _command(side: Side, order: OrderOptions) -> PlaceCommand:
    """The command of an order, judged as far as it can be without a market."""
    from proto.control import PlaceCommand

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
        key=command_key(order.key),
        reason=validated_reason(order.reason),
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
    """Codes of rules as the desk writes them; which of them may be passed, the desk knows."""
    from proto.control import PAST_RULES_MAX

    if len(rules) > PAST_RULES_MAX:
        raise StartError(f"--past-rule is given {len(rules)} times, expected at most {PAST_RULES_MAX}")
    return [command_name("--past-rule", rule.upper().replace("-", "_")) for rule in rules]


def _place(side: Side, order: OrderOptions) -> int:
    command = _command(side, order)
    price = "" if command.price is None else f" {command.type.value} {decimal_text(command.price)}"
    with open_running_desk(order.data_dir, order.url) as desk:
        words = f"{command.side.value} {decimal_text(command.volume)} {command.symbol}{price} is ordered"
        return _tell(desk, command, words, as_json=order.as_json)


def _tell(desk: DeskClient, command: OrderCommand, done: str, *, as_json: bool) -> int:
    """Tell portfolio, and say what it made of it; exit code 1 when it is denied."""
    from proto.control import OrderCommandReply, denial_message

    reply = desk.request(command, OrderCommandReply)
    if reply is None:
        raise no_answer_error(desk.url, f"ask again with --key {command.key}: it is not done twice")
    if as_json:
        print_json({name: getattr(reply, name) for name in reply.__struct_fields__})
    elif reply.denied:
        words = denial_message(limit=reply.limit, observed=reply.observed)
        print(f"DENIED by {reply.code}: {words}" + (f" (denial {reply.denial_id})" if reply.denial_id else ""))
        if reply.hint:
            print(reply.hint)
    else:
        news = [order_id for order_id in reply.order_ids if order_id not in done]
        print(done + (f": {', '.join(news)}" if news else ""))
        if reply.past_rules:
            print(f"let past {'; '.join(reply.past_rules)}")
    return EXIT_DENIED if reply.denied else 0


def _order_of(desk: DeskClient, order_id: str) -> OrderRow:
    from proto.control import OrdersQuery
    from proto.control.views import OrdersReply

    number = order_id.rpartition("-")[2]
    if number.isascii() and number.isdecimal() and 0 < int(number) < 2**53:
        query = OrdersQuery(after=int(number) - 1, limit=1, open_only=False, newest=False)
        page = desk.request(query, OrdersReply)
        if page is None:
            raise no_answer_error(desk.url, "nothing was done")
        for row in page.rows:
            if row.order_id == order_id:
                return row
    raise StartError(f"there is no order {order_id}, expected an id as `paperdesk orders` shows it")


def _guard_of(desk: DeskClient, symbol: str, ticket: int) -> ProtectionRow | None:
    from cli.desk_client import all_rows
    from proto.control import PositionsQuery
    from proto.control.views import PAGE_ROWS_MAX, PositionRow, PositionsReply

    rows = all_rows(desk, lambda after: desk.request(PositionsQuery(after=after, limit=PAGE_ROWS_MAX), PositionsReply))
    if rows is None:
        raise no_answer_error(desk.url, "nothing was done")
    held = [row for row in rows if isinstance(row, PositionRow) and row.symbol == symbol]
    if not held:
        raise StartError(f"--position {symbol}: nothing is held of it, expected a symbol of `paperdesk positions`")
    return next((guard for guard in held[0].guards if guard.position == ticket), None)


def command_key(key: str | None) -> str:
    """The name of a command: the one that was given, or a new one."""
    return uuid.uuid4().hex if key is None else command_name("--key", key)


def command_name(what: str, text: str) -> str:
    """A name that fits into a command.

    Raises:
        StartError: it is empty or too long.
    """
    if not 0 < len(text) <= 64:
        raise StartError(f"{what} has {len(text)} characters, expected 1 to 64")
    return text


def _symbol(text: str) -> str:
    from cli.tick_arguments import is_symbol

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


def _stop(option: str, text: str | None) -> Decimal | None:
    return None if text == NONE else _decimal(option, text)


def _time_ns(text: str | None) -> int:
    if text is None:
        return 0
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise StartError(f"--expires is {text!r}, expected a time such as 2026-11-27T12:00Z") from None
    if at.tzinfo is None:
        raise StartError(f"--expires is {text!r} without a zone, expected one such as 2026-11-27T12:00Z")
    seconds = int((at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    if seconds <= 0:
        raise StartError(f"--expires is {text!r}, expected a time after 1970")
    return seconds * _NS
