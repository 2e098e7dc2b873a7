"""Declaration of a risk rule; displays, metrics and tables of rules are derived from it.

A module of `rules` ends with its declaration, `RULE`. `check` decides. Everything else has a default that suits a
rule on the order itself: no memory, no check at ticks without an order, no effect on the trading state.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Flag, auto
from typing import Any, NamedTuple

from proto.control import TradingState
from proto.time import MINUTE_NS
from proto.trading.server_time import NEW_YORK_CLOSE, server_ns
from proto.trading.units import decimal_text
from services.portfolio.core.account.events import RiskReset
from services.portfolio.core.plan.plan import Plan
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext

_QUARTER_NS = 15 * MINUTE_NS


class Phase(Flag):
    """Time at which a rule is checked. Within a phase the order is that of `rules.RULES`."""

    BASE = auto()
    """For every order, also one that only closes, in any set of limits."""
    BEFORE_SIZING = auto()
    """For an opening order, before its volume and price are known; the answer must not depend on them."""
    SIZED = auto()
    """For an opening order, with its volume and price."""
    RESTING = auto()
    """At every tick, for a resting order that would open: a denial cancels it."""


class RuleCode(NamedTuple):
    """A code that a rule denies with.

    `meaning` is its cell in the table of docs/risk.md: what a rule of any set denies, or what a limit measures.
    `hint` is what would have to change for the order to pass.
    """

    code: str
    meaning: str
    hint: str


class RuleLimit(NamedTuple):
    """A field of `Limits` without which the rule denies nothing.

    `text` is how `paperdesk risk` shows a limit on the order alone, which has no current value between orders: `{}`
    stands for the limit. Empty where `RiskRule.utilization` has its rows.
    """

    field: str
    text: str = ""


class LimitUtilization(NamedTuple):
    """A row of `paperdesk risk`: code, subject (a symbol, a currency or none), limit, current value and what is left.

    `now` and `headroom` are empty for a limit on the order alone.
    """

    code: str
    subject: str
    limit: str
    now: str
    headroom: str = ""


class RuleReset(NamedTuple):
    """How a person clears what a rule remembers; `by_symbol`: also that of one symbol.

    `values` returns the stored values of a symbol, or of all for "", by name for people; empty without any. `clear`
    forgets what the event names, as a function of the state and the event alone: the ledger's events repeat it.
    """

    by_symbol: bool
    values: Callable[[RiskState, str], dict[str, str]]
    clear: Callable[[RiskState, RiskReset], None]


class EquityWatch(NamedTuple):
    """What a rule does when the equity has moved, whether or not an order is proposed.

    `check` returns the text of a warning, which is the desk's `condition` while it is not empty, and a denial, whose
    `escalate_to` is the trading state to enter.
    """

    condition: str
    check: Callable[[RiskContext], tuple[str, Denial | None]]


class TickRows(NamedTuple):
    """Columns of one symbol's ticks in their order, arrays or lists; a numba kernel takes them as they are."""

    time_ns: Sequence[int]
    bid: Sequence[float]
    ask: Sequence[float]


Check = Callable[[OrderProposal, RiskContext, int], Denial | None]
"""Why the order may not be made at venue time `now_ns`; None if the rule allows it."""

Until = Callable[[TickRows, int, OrderProposal, RiskContext], int]
"""`until(ticks, row, order, context)`: the first row after `row` at which the code returned by `check` may change.

It is never too late, and may be too early: the caller checks again there. It is `len(ticks.time_ns)` if no tick changes
the result. `order` represents orders of the same symbol, direction, times and prices, `context` the current account: an
event of the account or a change of the other facts invalidates the result. Only the code is constant until then; the
observed value may differ at every row. A rule that depends on prices may pass the columns and its limit, as plain
numbers, to a numba kernel.
"""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RiskRule:
    """One rule: its denials, the phases of its checks, and the facts for displays and metrics.

    Args:
        codes: codes of its denials. One alone for a limit, so that excepting the code excepts nothing else.
        phases: when it is checked.
        check: the decision.
        limits: the fields of `Limits` that switch it on. If all of them are None it is not checked.
        parameters: other fields of `Limits` that it reads.
        budgets: fields of the plan's `Strategy` that switch it on.
        contradiction: text of a contradiction in these limits, with value and expectation; empty without one.
        setting: name of the setting that has its limit, for the table of docs/risk.md.
        is_always_asked: it denies something even without limits.
        needs_equity: the equity is measured with every tick.
        needs_spread: the running median of the spread is updated with every tick.
        escalates_to: the trading states that its denials may restrict the desk to.
        ends_with_day: `rearm_at_day_end` lifts what it restricted.
        can_be_excepted: a person's order may name its code with `--past-rule`.
        reset: how a person clears what it remembers.
        on_resume: forgets what restricted the desk when a person resumes trading.
        updates: how its memory changes, by type of the event.
        equity_watch: what it does without an order when the equity has moved.
        utilization: its rows for `paperdesk risk` at a venue time.
        until: how long its answer holds while the rule is active, for a scan of many ticks; desk and backtest ask
        `check`.
    """

    codes: tuple[RuleCode, ...]
    phases: Phase
    check: Check
    limits: tuple[RuleLimit, ...] = ()
    parameters: tuple[str, ...] = ()
    budgets: tuple[str, ...] = ()
    contradiction: Callable[[Limits], str] | None = None
    setting: str = ""
    is_always_asked: bool = False
    needs_equity: bool = False
    needs_spread: bool = False
    escalates_to: tuple[TradingState, ...] = ()
    ends_with_day: bool = False
    can_be_excepted: bool = False
    reset: RuleReset | None = None
    on_resume: Callable[[RiskState], None] | None = None
    updates: Mapping[type[Any], Callable[[RiskState, Any, Limits], None]] | None = None
    equity_watch: EquityWatch | None = None
    utilization: Callable[[RiskContext, int], Iterable[LimitUtilization]] | None = None
    until: Until | None = None

    @property
    def code(self) -> str:
        """The first of its codes."""
        return self.codes[0].code

    def is_active(self, limits: Limits, plan: Plan) -> bool:
        """Whether it may deny anything under these limits and the budgets of this plan."""
        if self.is_always_asked or not (self.limits or self.budgets):
            return True
        values: list[object] = [getattr(limits, limit.field) for limit in self.limits]
        values += [getattr(strategy, name) for strategy in plan.strategies.values() for name in self.budgets]
        return any(value not in (None, ()) for value in values)


def format_headroom(amount: Decimal, limit: Decimal, unit: str, decimals: str = "1") -> str:
    """Remainder of a limit that denies at its value or beyond: an amount with its unit, or "none"."""
    left = (limit - amount).quantize(Decimal(decimals))
    return f"{left:f} {unit}" if left > 0 else "none"


def count_utilization(
    code: str, subject: str, limit_text: str, *, count: int, limit: int, unit: str = "orders"
) -> LimitUtilization:
    """The row of a limit on a count."""
    return LimitUtilization(
        code, subject, limit_text, str(count), format_headroom(Decimal(count), Decimal(limit), unit)
    )


def select_symbol(symbol: str, texts: dict[str, str]) -> dict[str, str]:
    """The texts of a symbol, or of all for "", by name."""
    return {name: text for name, text in sorted(texts.items()) if symbol in ("", name)}


def select_names(symbol: str, remembered: Mapping[str, object]) -> list[str]:
    """The symbols among the keys that a reset of a symbol, or of all for "", is about."""
    return [name for name in remembered if symbol in ("", name)]


def amount_texts(amounts: dict[str, Decimal | None]) -> dict[str, str]:
    """The known amounts as text."""
    return {name: decimal_text(amount) for name, amount in amounts.items() if amount is not None}


def until_event(ticks: TickRows, _row: int, _order: OrderProposal, _context: RiskContext) -> int:
    """An answer that no tick changes."""
    return len(ticks.time_ns)


def first_row_at(ticks: TickRows, row: int, time_ns: int) -> int:
    """The first row after `row` that is not before a venue time."""
    return bisect_left(ticks.time_ns, time_ns, lo=min(row + 1, len(ticks.time_ns)))


def clock_time_ahead_ns(now_ns: int, ahead_ns: int, clock: str = NEW_YORK_CLOSE) -> int:
    """UTC time at which a server's clock is `ahead_ns` (at most a week) further.

    Where the clock is set forward or back before that, the next quarter of an hour instead, which is earlier.
    """
    then_ns = now_ns + ahead_ns
    if server_ns(then_ns, clock) - server_ns(now_ns, clock) == ahead_ns:
        return then_ns
    return min(then_ns, now_ns - now_ns % _QUARTER_NS + _QUARTER_NS)
