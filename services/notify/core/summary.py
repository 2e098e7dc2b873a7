"""The daily summary: counts since the last one, and the account as portfolio's status shows it."""

from __future__ import annotations

from datetime import tzinfo

from proto.control import StatusReply, headline
from proto.trading.units import decimal_text
from services.notify.core.inputs import DayFigures
from services.notify.core.quiet_hours import local_text


def summary_text(
    figures: DayFigures,
    *,
    warnings: int,
    criticals: int,
    since_ns: int,
    zone: tzinfo,
    status: StatusReply | None,
) -> str:
    """The text of a summary.

    Args:
        figures: counts of the ledger since the last summary.
        warnings: alerts of severity WARNING since then.
        criticals: alerts of severity CRITICAL since then.
        since_ns: time of the last summary, or of the first start, in UTC nanoseconds.
        zone: the local time zone.
        status: the latest status; None if portfolio does not answer.
    """
    currency = "" if status is None else f" {status.currency}".rstrip()
    lines = [
        f"since {local_text(since_ns, zone)}",
        f"fills {figures.fills}, orders {figures.orders}, denials {figures.denials}, "
        f"realized {decimal_text(figures.realized)}{currency}",
        f"alerts: {criticals} CRITICAL, {warnings} WARNING",
    ]
    if status is None:
        lines.append("equity and positions unknown: portfolio does not answer")
        return "\n".join(lines)
    equity = "unknown" if status.equity is None else f"{decimal_text(status.equity)}{currency}"
    positions = ", ".join(
        f"{symbol} {decimal_text(line.net_volume)}" for symbol, line in status.positions.items() if line.net_volume
    )
    lines.append(f"equity {equity}, positions: {positions or 'none'}")
    words = dict.fromkeys((status.trading_state.value.replace("_", " "), headline(status.conditions, status.symbols)))
    lines.append(f"trading state {', '.join(words)}")
    return "\n".join(lines)
