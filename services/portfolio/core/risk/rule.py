"""Declaration of a risk rule, from which displays, metrics and tables are derived.

A module of `rules` ends with its declaration, `RULE`. The function `check` decides. The defaults of the other fields
suit a rule that needs only the order: such a rule keeps no state, is checked only for orders, and does not change the
trading state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Flag, auto
from typing import Any, NamedTuple

from proto.control import TradingState
from proto.time import NEVER_NS
from proto.trading.server_time import NEW_YORK_CLOSE, QUARTER_NS, server_ns
from proto.trading.units import decimal_text
from services.portfolio.core.account.events import RiskReset
from services.portfolio.core.plan.plan import Plan
from services.portfolio.core.risk.equity_levels import EquityLevel
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


class Phase(Flag):
    """When a rule is checked. Within a phase the rules are checked in the order of `rules.RULES`."""

    BASE = auto()
    """For every order under any limits, including an order that only closes."""
    BEFORE_SIZING = auto()
    """For an opening order, before its volume and price are known. The result must not depend on them."""
    SIZED = auto()
    """For an opening order, after its volume and price are known."""
    RESTING = auto()
    """At every tick, for a resting order that would open. A denial cancels the order."""
    CLOSED_PART = auto()
    """For the part that closes, of a market order that reverses a position and that the rules allow as a whole.

    The other base rules allow this part, too: their results depend on the order's volume only for an opening order.
    """


class RuleCode(NamedTuple):
    """Code of a rule's denials.

    `meaning` is the text in the table of docs/risk.md: the orders that a rule without limits denies, or the quantity
    that a limit measures. `hint` tells people what must change for the order to be allowed.
    """

    code: str
    meaning: str
    hint: str


class RuleLimit(NamedTuple):
    """A field of `Limits` that activates the rule.

    `text` is the text of `paperdesk risk` for a limit on a single order, which has no current value between orders.
    `{}` in the text is replaced by the limit. The text is empty if `RiskRule.utilization` makes the rows.
    """

    field: str
    text: str = ""


class LimitUtilization(NamedTuple):
    """A row of `paperdesk risk`: code, subject (such as a symbol or a currency), limit, current value and headroom.

    `now` and `headroom` are empty for a limit on a single order. `used_fraction` is the current value divided by the
    limit: 1 at the limit, more beyond it, negative for a gain. It is None where the two are not numbers, and for a
    limit of 0. `ends_ns` is the venue time at which a denial in force ends by time alone, 0 for none. `consequence` is
    what the rule does when the limit is reached; `limit_utilization` adds it from the declaration.
    """

    code: str
    subject: str
    limit: str
    now: str
    headroom: str = ""
    used_fraction: float | None = None
    consequence: str = ""
    ends_ns: int = 0


class RuleReset(NamedTuple):
    """Functions that reset the state of a rule for a person.

    `by_symbol` states whether the state of one symbol can be reset without that of the others.

    `values` returns the stored state of a symbol, or of all symbols for "", as text by name. `clear` clears the state
    of the symbol that the event names. `clear` may depend only on the state and the event, because it is repeated when
    the ledger's events are read again.
    """

    by_symbol: bool
    values: Callable[[RiskState, str], dict[str, str]]
    clear: Callable[[RiskState, RiskReset], None]


class EquityWatch(NamedTuple):
    """Check of a rule after each change of the equity, whether or not an order is proposed.

    `check` returns two values: the text of a warning, and a denial or None. While the text is not empty, it is shown as
    the desk's condition `condition`. The denial's `escalate_to` is the trading state that the desk must enter.
    """

    condition: str
    check: Callable[[RiskContext], tuple[str, Denial | None]]


Check = Callable[[OrderProposal, RiskContext, int], Denial | None]
"""`check(order, context, now_ns)`: the denial of the order at venue time `now_ns`; None if the rule allows it."""

Until = Callable[[OrderProposal, RiskContext, int], int]
"""`until(order, context, now_ns)`: the venue time, in ns, before which `check` returns the same code as at `now_ns`.

It is `NEVER_NS` if only an event of the account or another change of `context` can change the code. It is `now_ns` if
the rule cannot tell, such as a rule that compares the order with the quote. It may be too early but never too late;
the caller repeats the check then. Before it the code is constant, but the observed value may differ at each time.

`order` stands for all orders with the same symbol, direction, times and prices, and with a confidence within the bounds
of `RiskRule.confidences`. The quotes in `context` may change, symbols may get their first quote, and the equity may
change as long as it reaches and leaves no level of `RiskRule.equity_levels`. An event of the account, or a change of
anything else in `context`, invalidates the result.
"""

Confidences = Callable[[OrderProposal, RiskContext], tuple[float, float]]
"""`confidences(order, context)`: the lowest and highest confidence for which `check` returns the same code as for the
order's; the bounds may be too narrow."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RiskRule:
    """One rule: its denials, the phases of its checks, and the facts for displays and metrics.

    Args:
        codes: codes of the rule's denials. A limit has only one code, so that an exception from the code concerns no
            other limit.
        phases: when the rule is checked.
        check: decides whether an order is denied.
        limits: fields of `Limits` that activate the rule. If all of them are None, the rule is not checked.
        parameters: other fields of `Limits` that the rule reads.
        budgets: fields of the plan's `Strategy` that activate the rule.
        contradiction: returns the text of a contradiction between these limits, with value and expected value; empty if
            there is none.
        setting: name of the setting that has the rule's limit, for the table of docs/risk.md.
        is_always_asked: whether the rule is checked even if its limits are None.
        needs_equity: whether the equity must be computed at every tick.
        needs_spread: whether the running median of the spread must be updated at every tick.
        escalates_to: trading states to which the rule's denials may restrict the desk.
        ends_with_day: whether `rearm_at_day_end` ends a restriction that the rule caused.
        has_condition: whether a condition of the desk reports the cause of the rule's denials. These denials do not
            count for the condition SIGNALS_DENIED.
        can_be_excepted: whether a person may override the rule for a manual order with `--past-rule`.
        reset: functions with which a person resets the rule's state.
        on_resume: clears the state that restricted the desk when a person resumes trading.
        updates: functions that update the rule's state from an event, by the event's type.
        equity_watch: check after each change of the equity.
        equity_levels: returns the levels of the equity, under these limits, at which the code of `check` and the
            results of `equity_watch`, other than texts, may change without an event of the account or a new day of the
            server. None if they may change at any equity.
        utilization: returns the rule's rows for `paperdesk risk` at a venue time.
        pause_end: returns the venue time at which a pause of all symbols ends, 0 without one, for a rule without
            `utilization`.
        until: returns the time before which the code of `check` stays the same while the rule is active. With it a
            backtest passes over ticks; without it the rule is checked at every tick.
        confidences: bounds of the confidence within which `until` holds, for a rule that reads the confidence.
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
    has_condition: bool = False
    can_be_excepted: bool = False
    reset: RuleReset | None = None
    on_resume: Callable[[RiskState], None] | None = None
    updates: Mapping[type[Any], Callable[[RiskState, Any, Limits], None]] | None = None
    equity_watch: EquityWatch | None = None
    equity_levels: Callable[[Limits], Sequence[EquityLevel]] | None = None
    utilization: Callable[[RiskContext, int], Iterable[LimitUtilization]] | None = None
    pause_end: Callable[[RiskContext, int], int] | None = None
    until: Until | None = None
    confidences: Confidences | None = None

    @property
    def code(self) -> str:
        """The first of the rule's codes."""
        return self.codes[0].code

    def is_active(self, limits: Limits, plan: Plan) -> bool:
        """Whether the rule may deny an order under these limits and the budgets of this plan."""
        if self.is_always_asked or not (self.limits or self.budgets):
            return True
        values: list[object] = [getattr(limits, limit.field) for limit in self.limits]
        values += [getattr(strategy, name) for strategy in plan.strategies.values() for name in self.budgets]
        return any(value not in (None, ()) for value in values)

    def consequence(self, limits: Limits) -> str:
        """Describe what the rule does when its limit is reached."""
        parts = [] if self.equity_watch is None else [f"raises the condition {self.equity_watch.condition}"]
        parts.append("denies every order" if Phase.BASE in self.phases else "denies opening orders")
        if Phase.RESTING in self.phases:
            parts.append("cancels resting orders that would open")
        if self.escalates_to:
            states = ", then ".join(state.value for state in self.escalates_to)
            until = "a person resumes trading"
            if self.ends_with_day and limits.rearm_at_day_end:
                until += " or the server's day ends"
            parts.append(f"makes the desk {states} until {until}")
        return "; ".join(parts)


def measured_utilization(
    code: str,
    subject: str,
    limit_text: str,
    now_text: str,
    *,
    amount: Decimal,
    limit: Decimal,
    unit: str,
    decimals: str | None = "1",
    ends_ns: int = 0,
) -> LimitUtilization:
    """Return the row of a limit on an amount, with headroom and used fraction from the two numbers.

    Args:
        code: code of the rule's denials.
        subject: what is limited, such as a symbol; empty for the whole desk.
        limit_text: the limit as text.
        now_text: the amount as text.
        amount: the current amount, in `unit`.
        limit: the limit, in `unit`.
        unit: unit of the headroom.
        decimals: step to which the headroom is rounded, such as "0.01"; None does not round.
        ends_ns: venue time at which a denial in force ends by time alone, 0 for none.
    """
    left = limit - amount if decimals is None else (limit - amount).quantize(Decimal(decimals))
    return LimitUtilization(
        code,
        subject,
        limit_text,
        now_text,
        f"{decimal_text(left) if decimals is None else f'{left:f}'} {unit}" if left > 0 else "none",
        float(amount / limit) if limit > 0 else None,
        ends_ns=ends_ns,
    )


def count_utilization(
    code: str, subject: str, limit_text: str, *, count: int, limit: int, unit: str = "orders"
) -> LimitUtilization:
    """Return the row of a limit on a count: `count` and `limit` are numbers of `unit`."""
    return measured_utilization(
        code, subject, limit_text, str(count), amount=Decimal(count), limit=Decimal(limit), unit=unit
    )


def select_symbol(symbol: str, texts: dict[str, str]) -> dict[str, str]:
    """Return the texts of a symbol, or of all symbols for "", sorted by name."""
    return {name: text for name, text in sorted(texts.items()) if symbol in ("", name)}


def select_names(symbol: str, remembered: Mapping[str, object]) -> list[str]:
    """Return the keys that a reset of a symbol, or of all symbols for "", concerns."""
    return [name for name in remembered if symbol in ("", name)]


def amount_texts(amounts: dict[str, Decimal | None]) -> dict[str, str]:
    """Return the known amounts as text; None is left out."""
    return {name: decimal_text(amount) for name, amount in amounts.items() if amount is not None}


def until_event(_order: OrderProposal, _context: RiskContext, _now_ns: int) -> int:
    """Return `NEVER_NS`; this is `until` of a rule whose code depends neither on the time nor on quotes."""
    return NEVER_NS


def clock_time_ahead_ns(now_ns: int, ahead_ns: int, clock: str = NEW_YORK_CLOSE) -> int:
    """Return the UTC time at which a server's clock has advanced by `ahead_ns` (at most a week) since `now_ns`.

    If the clock is set forward or back in between, the end of the current quarter of an hour is returned instead,
    unless `now_ns + ahead_ns` is earlier.
    """
    then_ns = now_ns + ahead_ns
    if server_ns(then_ns, clock) - server_ns(now_ns, clock) == ahead_ns:
        return then_ns
    return min(then_ns, now_ns - now_ns % QUARTER_NS + QUARTER_NS)
