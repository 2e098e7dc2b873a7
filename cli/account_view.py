"""The page of `paperdesk account`: terms and trading state, money with its currency, progress, counts by category."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cli.tables import cell, show_fields

MONEY: Final = {
    "balance": "balance",
    "equity": "equity",
    "realized_pnl": "realized P&L",
    "unrealized_pnl": "unrealized P&L",
    "margin": "margin",
    "free_margin": "free margin",
}
MONEY_BY_CATEGORY: Final = {"cash": "cash", "pnl_by_tag": "P&L of tag"}
COUNTS_BY_CATEGORY: Final = {"signals": "signals", "blocked": "signals blocked", "denied": "signals denied"}
TEXTS_BY_SYMBOL: Final = {"last_blocked": "last blocked", "last_denied": "last denied"}

TERMS: Final = {
    "account": "account",
    "mode": "mode",
    "account_mode": "account mode",
    "fills": "fills",
    "leverage": "leverage",
}
PROGRESS: Final = {
    "stream_id": "stream",
    "ordinal": "last tick",
    "time_ns": "market time",
    "processed": "ticks processed",
    "orders": "orders",
    "orders_open": "open orders",
    "deals": "deals",
    "ended": "stream ended",
    "reconciled": "reconciled",
}


def show_account(fields: Mapping[str, Any]) -> None:
    """Print the fields of an account, in the form that `cli.desk_queries.account_fields` returns."""
    show_fields(dict(_rows(fields)))


def _rows(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    currency = fields["currency"] or ""

    def money(value: Any) -> str:
        return "unknown: no conversion rate" if value is None else f"{value} {currency}".rstrip()

    yield from ((title, cell(name, fields[name])) for name, title in TERMS.items())
    state, reason = fields["trading_state"], fields["trading_reason"]
    yield "trading state", f"{state}: {reason}" if reason else state
    yield from ((title, money(fields[name])) for name, title in MONEY.items())
    level = fields["margin_level_pct"]
    yield "margin level", cell("", None if level is None else f"{level} %")
    for name, title in MONEY_BY_CATEGORY.items():
        yield from ((f"{title}, {key.replace('_', ' ')}", money(value)) for key, value in (fields[name] or {}).items())
    yield from ((title, cell(name, fields[name])) for name, title in PROGRESS.items())
    for name, title in COUNTS_BY_CATEGORY.items():
        for key, count in fields[name].items():
            yield f"{title}, {key.replace('_', ' ') if key.islower() else key}", f"{count:,}"
    for name, title in TEXTS_BY_SYMBOL.items():
        yield from ((f"{title}, {symbol}", text) for symbol, text in fields.get(name, {}).items())
