"""Warnings that a run's results depend on more than its strategy: denials, stopped trading, refusals, rejected rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from marketdata.tick_validation import FAR_FUTURE, LATE_SHARE, OUT_OF_ORDER, REASONS
from proto.control import TradingState
from proto.gateway import TickCounts
from proto.time import utc_text
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.state_causes import causes_of
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.accounting.modifications import ModificationCounts
from services.portfolio.core.risk.registry import limits_of_code
from services.portfolio.core.state.config import CODE_BEFORE_SETTING, CODE_SETTING

WARN_FROM_SHARE: Final = 0.25
"""Least ratio of denials to signals to buy or sell at which a run has a warning."""

_STOPPED: Final = ("HALTED", "REDUCE_ONLY")


def run_warnings(
    book: Book, cursor: TickCursor, modifications: ModificationCounts, remarks: Sequence[str] = ()
) -> list[str]:
    """Warnings about the results of a run, one line each; `remarks` on the stream's files come first."""
    counts = book.ended.counts if book.ended else None
    found = (
        *remarks,
        code_warning(book),
        *row_warnings(counts),
        stop_warning(book),
        denial_warning(book, cursor),
        modification_warning(modifications),
    )
    return [warning for warning in found if warning is not None]


def code_warning(book: Book) -> str | None:
    """Warning that a strategy has other code than in the account's previous run; None if it has not."""
    settings = {} if book.stream is None else book.stream.settings
    before = settings.get(CODE_BEFORE_SETTING)
    if before is None:
        return None
    return f"the account was continued with other code of a strategy: {settings[CODE_SETTING]}, before {before}"


def row_warnings(counts: TickCounts | None) -> list[str]:
    """Warnings of wrong times: any row far ahead of the rows after it, or at least LATE_SHARE of rows out of order."""
    if counts is None:
        return []
    far, late = (counts.rejected.get(REASONS[code], 0) for code in (FAR_FUTURE, OUT_OF_ORDER))
    warnings = []
    if far:
        warnings.append(
            f"{far:,} of {counts.read:,} rows {'has a time' if far == 1 else 'have times'} more than a minute ahead of "
            f"the following rows and {'is' if far == 1 else 'are'} left out (far_future); paperdesk ticks describe "
            "shows the rejected rows"
        )
    if late and late >= counts.read * LATE_SHARE:
        warnings.append(
            f"{late:,} of {counts.read:,} rows ({late / counts.read:.0%}) are earlier than a row before them and are "
            "left out (out_of_order): check the order of the files and their times"
        )
    return warnings


def stop_warning(book: Book) -> str | None:
    """The time from which the account was halted or reduce-only, and the reason; None if it was ACTIVE at the end."""
    if book.trading is None or book.trading_state is TradingState.ACTIVE:
        return None
    return f"trading was {book.trading_state} from {utc_text(book.trading.time_ns)} to the end: {book.trading.reason}"


def modification_warning(modifications: ModificationCounts) -> str | None:
    """Warning of the modifications that the venue refused, counted by code; None if there are none."""
    refused = modifications.refused_total
    if not refused:
        return None
    codes = ", ".join(f"{code} {count:,}" for code, count in sorted(modifications.refused.items()))
    return (
        f"the venue refused {refused:,} of {refused + modifications.made:,} modifications of stops and orders: {codes}"
    )


def denial_warning(book: Book, cursor: TickCursor) -> str | None:
    """The rule with the most denials, and how to run without the rule; None below WARN_FROM_SHARE."""
    signals, denied = cursor.buy + cursor.sell, sum(cursor.denied.values())
    if not denied or denied < signals * WARN_FROM_SHARE:
        return None
    # Of rules with equal counts the first by name is chosen, so that the text is a function of the counts.
    code = max(sorted(cursor.denied), key=cursor.denied.__getitem__)
    return (
        f"{denied:,} of {signals:,} signals ({denied / signals:.0%}) were denied, {cursor.denied[code]:,} by {code}: "
        f"the results depend more on the rule than on the strategy; {_remedy(code, book)}"
    )


def _remedy(code: str, book: Book) -> str:
    rules = [code]
    if code in _STOPPED and book.trading is not None:
        rules = [cause.code for cause in causes_of(book.trading)]
    limits = [limit for rule in rules for limit in limits_of_code(rule)]
    stopped = f"the desk was stopped by {', '.join(rules)}; " if rules != [code] else ""
    if not limits:
        return f"{stopped}docs/risk.md describes the rule {code}"
    lines = ", ".join(f'{limit} = "none"' for limit in limits)
    option = f"--risk FILE with the line{'s' * (len(limits) > 1)} {lines}"
    return f"{stopped}to run without the rule{'s' * (len(rules) > 1)}: {option}"
