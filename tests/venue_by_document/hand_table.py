"""Reading of the cases in `deals_by_hand.md`: quotes, requests, and the expected deals."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from proto.gateway import DealEntry, DealKind, DealReason
from proto.trading.enums import OrderType, TimeInForce
from tests.venue_by_document.book import CancelOrder, ModifyStops, PlaceOrder, Request
from tests.venue_by_document.profile import AccountTerms, Profile
from tests.venue_by_document.terms import ZERO

TABLE_FILE: Final = Path(__file__).with_name("deals_by_hand.md")

_TYPES: Final = {"limit": OrderType.LIMIT, "stop": OrderType.STOP}
_SWITCHES: Final[dict[str, dict[str, Any]]] = {
    "charges": {"charges": True},
    "sessions": {"keeps_sessions": True},
    "limit": {"limit_fills_at_quote": False},
}
_NUMBERS: Final = {
    "delay": ("request_latency_ms",),
    "reply": ("reply_latency_ms",),
    "age": ("quote_age_ms_max",),
    "stopout": ("stop_out_level_pct",),
    "rollover": ("rollover_factor", "rollover_minutes_before", "rollover_minutes_after"),
}
_FENCED: Final = re.compile(r"^```toml\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_END: Final = re.compile(r"End: balance ([\d.]+), equity ([\d.]+), margin ([\d.]+)")


class HandQuote(NamedTuple):
    """One quote of a case."""

    time_ns: int
    symbol: str
    bid: str
    ask: str


@dataclass(frozen=True, kw_only=True)
class HandDeal:
    """An expected deal. `order` is the name of its order, `position` the name of the order that opened the position."""

    number: int
    time_ns: int
    kind: DealKind
    entry: DealEntry
    order: str
    position: str
    reason: DealReason
    lots: Decimal
    price: Decimal
    profit: Decimal
    commission: Decimal
    swap: Decimal


@dataclass(kw_only=True)
class HandCase:
    """One account with its requests and expected results; `instruments` are tables of an instrument file, by symbol."""

    name: str
    account: AccountTerms
    profile: Profile
    instruments: dict[str, dict[str, Any]] = field(default_factory=dict)
    quotes: list[HandQuote] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    deals: list[HandDeal] = field(default_factory=list)
    ends: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    changes: list[int] = field(default_factory=list)
    balance: Decimal = ZERO
    equity: Decimal = ZERO
    margin: Decimal = ZERO


def hand_cases(path: Path = TABLE_FILE) -> Iterator[HandCase]:
    """The cases of the document, in the order of the document."""
    text = path.read_text(encoding="utf-8")
    base = next(filter(None, (_exact(fenced).get("BASE") for fenced in _FENCED.findall(text))))
    _, *parts = re.split(
        r"^### ", re.sub(r"^## .*?(?=^### )", "", text, flags=re.MULTILINE | re.DOTALL), flags=re.MULTILINE
    )
    return (_case(part, base) for part in parts)


def _case(text: str, base: dict[str, Any]) -> HandCase:
    changed = "\n".join(_FENCED.findall(text))
    name, terms, *lines = [line for line in _FENCED.sub("", text).splitlines() if line]
    case = HandCase(name=name, account=_account(terms), profile=_profile(terms))
    case.instruments = {symbol: {**base, **table} for symbol, table in _exact(changed).items()}
    table = ""
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0] in _TABLES:
            table = cells[0]
        elif line.startswith("|") and not line.startswith("|---"):
            _TABLES[table](case, cells)
        elif found := _END.match(line):
            case.balance, case.equity, case.margin = map(Decimal, found.groups())
    return case


def _exact(text: str) -> dict[str, Any]:
    return tomllib.loads(text, parse_float=Decimal)


def _account(terms: str) -> AccountTerms:
    currency, mode, leverage, deposit = terms.partition(";")[0].split()
    return AccountTerms(
        currency=currency,
        deposit=Decimal(deposit),
        is_hedging=mode == "hedging",
        leverage=int(leverage.removeprefix("1:")),
    )


def _profile(terms: str) -> Profile:
    found = Profile()
    for setting in filter(None, terms.partition(";")[2].split(",")):
        found = replace(found, **_setting(*setting.split()))
    return found


def _setting(name: str, *values: str) -> dict[str, Any]:
    """The fields of the fill profile that a setting of the document changes."""
    if name in _SWITCHES:
        return _SWITCHES[name]
    return dict(zip(_NUMBERS[name], map(int, values), strict=True))


def time_ns(text: str) -> int:
    """UTC nanoseconds of a time in the document."""
    time = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(time.timestamp()) * 1_000_000_000 + time.microsecond * 1_000


def _read_quote(case: HandCase, cells: list[str]) -> None:
    time, quote, requests = cells
    symbol, bid, ask = quote.split()
    case.quotes.append(HandQuote(time_ns(time), symbol, bid, ask))
    for text in filter(None, requests.split(";")):
        case.requests.append(_request(text.split(), symbol, ordinal=len(case.quotes), bid=bid, ask=ask))


def _request(tokens: list[str], symbol: str, *, ordinal: int, bid: str, ask: str) -> Request:
    match tokens:
        case ["cancel", order_id]:
            return CancelOrder(ordinal=ordinal, order_id=order_id)
        case ["change", position, *terms]:
            levels = dict(zip(terms[::2], map(Decimal, terms[1::2]), strict=True))
            return ModifyStops(
                ordinal=ordinal,
                symbol=symbol,
                position=position,
                stop_loss=levels.get("sl"),
                take_profit=levels.get("tp"),
            )
        case [order_id, side, lots, *terms]:
            price = Decimal(ask if side == "BUY" else bid)
            return PlaceOrder(
                ordinal=ordinal,
                order_id=order_id,
                symbol=symbol,
                sign=1 if side == "BUY" else -1,
                volume=Decimal(lots),
                **{"price": price, **_order_terms(terms)},
            )
        case _:
            raise ValueError(" ".join(tokens))


def _order_terms(tokens: list[str]) -> dict[str, Any]:
    match tokens:
        case []:
            return {}
        case ["limit" | "stop" as kind, price, *rest]:
            return {"type": _TYPES[kind], "price": Decimal(price), **_order_terms(rest)}
        case ["sl", price, *rest]:
            return {"stop_loss": Decimal(price), **_order_terms(rest)}
        case ["tp", price, *rest]:
            return {"take_profit": Decimal(price), **_order_terms(rest)}
        case ["dev", points, *rest]:
            return {"deviation_points": int(points), **_order_terms(rest)}
        case ["closes", name, *rest]:
            return {"position": name, **_order_terms(rest)}
        case ["day" | "ioc" as kind, *rest]:
            return {"time_in_force": TimeInForce(kind.upper()), **_order_terms(rest)}
        case ["gtd", day, time, *rest]:
            return {
                "time_in_force": TimeInForce.GTD,
                "expires_ns": time_ns(f"{day} {time}"),
                **_order_terms(rest),
            }
        case _:
            raise ValueError(" ".join(tokens))


def _read_deal(case: HandCase, cells: list[str]) -> None:
    number, time, description, lots, price, profit, commission, swap, _ = cells
    before, _, after = f" {description} ".partition(" of ")
    opened_by, reason = [*after.split(), "", ""][:2]
    if before.split() == ["SWAP"]:
        kind, entry, order, reason = DealKind.SWAP, DealEntry.NONE, "", "ROLLOVER"
    else:
        side, entered, order = [*before.split(), ""][:3]
        kind, entry = DealKind(side), DealEntry(entered)
    case.deals.append(
        HandDeal(
            number=int(number),
            time_ns=time_ns(time),
            kind=kind,
            entry=entry,
            order=order,
            position=opened_by or order,
            reason=DealReason(reason or "CLIENT"),
            lots=Decimal(lots or 0),
            price=Decimal(price or 0),
            profit=Decimal(profit or 0),
            commission=Decimal(commission or 0),
            swap=Decimal(swap or 0),
        )
    )


def _read_end(case: HandCase, cells: list[str]) -> None:
    request, ends, retcode, _ = cells
    if request.startswith("change "):
        case.changes.append(int(retcode))
    else:
        case.ends[request] = (ends, int(retcode) if retcode else None)


def _pass_over(case: HandCase, cells: list[str]) -> None:
    """Skip a table that only explains the computation to readers."""


_TABLES: Final = {"time": _read_quote, "deal": _read_deal, "request": _read_end, "symbol": _pass_over}
