"""Conditions: named causes that prevent trading or need a person.

`CONDITION_KINDS` is the only table of conditions. Status, screen, summary, exit code, metrics, health check, log,
alerts and the table in docs/operations.md are derived from it. Programs decide by a condition's code; its text is for
people.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct

from proto.trading.units import Name, Text

CONDITIONS_MAX: Final = 100
"""Most conditions in one reply, so that it fits into a frame. A reply lists the gravest ones first."""


class Effect(StrEnum):
    """Which trading a condition prevents."""

    NONE = "NONE"
    SYMBOL = "SYMBOL"
    """No order that opens exposure is sent for the symbol named by `subject`; its positions are still managed."""

    REDUCE_ONLY = "REDUCE_ONLY"
    """No order that opens exposure is sent for any symbol."""

    HALTED = "HALTED"
    """No order is sent for any signal."""


class Severity(StrEnum):
    """How urgently a person must act."""

    INFO = "INFO"
    """The condition ends without a person and raises no alert."""

    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class TradingState(StrEnum):
    """Which orders the desk may send: all (ACTIVE), only ones that reduce positions, or only closes (HALTED).

    In HALTED the closes come from FLATTEN or from a person.
    """

    ACTIVE = "ACTIVE"
    REDUCE_ONLY = "REDUCE_ONLY"
    HALTED = "HALTED"


class StateCause(Struct, frozen=True, omit_defaults=True):
    """A cause of the trading state REDUCE_ONLY or HALTED.

    `code` is its row in `CONDITION_KINDS`, `by` the person or the part of the desk that set it.
    """

    code: Name
    by: Name
    text: Text
    state: TradingState = TradingState.HALTED


class Condition(Struct, frozen=True, kw_only=True):
    """A current condition; `subject` is a symbol, a process or a file, empty for the whole desk."""

    code: Name
    severity: Severity
    effect: Effect
    subject: Text = ""
    by: Text = ""
    text: Text = ""


class ConditionKind(NamedTuple):
    """A row of the table: the meaning of a condition and what a person does about it.

    `effect` is None for a cause of the trading state, because its effect is the state that it sets.
    """

    severity: Severity
    effect: Effect | None
    meaning: str
    action: str


_I, _W, _C = Severity.INFO, Severity.WARNING, Severity.CRITICAL
_RESUME = "Check the venue, then `paperdesk resume --reason ...`."

CONDITION_KINDS: Final[dict[str, ConditionKind]] = {
    # ------------------------------------------------------------------ causes of the trading state, until `resume`
    "PERSON": ConditionKind(_C, None, "A person halted the desk or set it to reduce only.", _RESUME),
    "DRAWDOWN": ConditionKind(_C, None, "The drawdown reached a limit.", _RESUME),
    "REPEATED_ORDERS": ConditionKind(_C, None, "Too many consecutive orders in one symbol and direction.", _RESUME),
    "REJECTS": ConditionKind(_C, None, "The venue rejected too many orders within a minute.", _RESUME),
    "CLOCK_STEPPED": ConditionKind(_C, None, "The system clock jumped.", "Correct the clock, then resume."),
    "IN_DOUBT_LIMIT": ConditionKind(
        _C, None, "Too many orders or lots are in doubt.", "Compare with the venue, then resume."
    ),
    "RECONCILIATION": ConditionKind(
        _C, None, "Ledger and venue disagree.", "Run `paperdesk reconcile`, settle each difference, then resume."
    ),
    "INSTRUMENT_CHANGED": ConditionKind(
        _C, None, "The venue changed the terms of a held symbol.", "Check the position's size, then resume."
    ),
    "GATEWAY_REFUSED": ConditionKind(_C, None, "The gateway refused a request that it must accept.", _RESUME),
    "ORDER_CONFLICT": ConditionKind(
        _C, None, "Gateway and ledger disagree on an order's id or outcome.", "Compare with the venue, then resume."
    ),
    "LEASE_LOST": ConditionKind(
        _C, None, "Another portfolio process leads the account.", "Stop it, then resume to lead again."
    ),
    "LEASE_REFUSED": ConditionKind(
        _C,
        None,
        "The gateway permanently refuses the lease or orders under it.",
        "Run only one gateway and one portfolio, then resume.",
    ),
    "LEDGER_BROKEN": ConditionKind(
        _C, None, "The audit found the ledger damaged.", "Restore a backup; until then `resume` is refused."
    ),
    "LEDGER_ROLLED_BACK": ConditionKind(
        _C,
        None,
        "The ledger is an older copy: it lacks orders or changes that gateway or venue have.",
        "Find out who replaced it, run `paperdesk reconcile`, then resume.",
    ),
    "LEDGER_TAIL_MISSING": ConditionKind(
        _C,
        None,
        "The ledger lacks events that it had: it was replaced or truncated.",
        "Find out who changed it, run `paperdesk reconcile`, then resume.",
    ),
    "VENUE_ROLLED_BACK": ConditionKind(
        _C,
        None,
        "The venue lacks booked deals: its book is older or a different one.",
        "Stop the desk, then restore the book or start in an empty data directory.",
    ),
    "UNCLASSIFIED": ConditionKind(_C, None, "An earlier version stopped the desk.", _RESUME),
    "LEDGER_INVARIANT": ConditionKind(
        _C,
        None,
        "A booked deal broke an accounting rule.",
        "Compare with the venue, report it with `paperdesk export`, then resume.",
    ),
    # ------------------------------------------------------------------------------------- states of the process
    "CONNECTING": ConditionKind(_I, Effect.HALTED, "Portfolio has no gateway yet.", "Wait, or start the gateway."),
    "RECONCILING": ConditionKind(_I, Effect.HALTED, "Portfolio compares ledger and venue.", "Wait."),
    "WAITING_FOR_SIGNALS": ConditionKind(
        _I, Effect.HALTED, "A replay waits for a signal process of each symbol.", "Start signal."
    ),
    "FAILED": ConditionKind(
        _C, Effect.HALTED, "Portfolio cannot continue without a restart.", "Remove the cause, then restart portfolio."
    ),
    "STOPPING": ConditionKind(_I, Effect.HALTED, "Portfolio is stopping.", "Nothing."),
    # ------------------------------------ detected outside portfolio: by the screen, status and the watchdog
    "PROCESS_DOWN": ConditionKind(
        _C, Effect.HALTED, "A process is not running.", "Read its log, then `supervisorctl start NAME`."
    ),
    "PORTFOLIO_SILENT": ConditionKind(_C, Effect.HALTED, "Portfolio does not answer.", "Read portfolio.log."),
    "SUPERVISOR_SILENT": ConditionKind(
        _C, Effect.NONE, "supervisord does not answer: ended processes are not restarted.", "Restart the desk."
    ),
    # ----------------------------------------------------------------------------- end with their cause
    "STORAGE": ConditionKind(
        _C,
        Effect.HALTED,
        "The ledger cannot be written: no order is sent, not even a close.",
        "Free or repair the disk; the desk retries.",
    ),
    "LEDGER_UNSIGNED": ConditionKind(
        _W,
        Effect.NONE,
        "The ledger's newest head cannot be signed or stored.",
        "Free the disk; check the folder of LEDGER_KEY_FILE.",
    ),
    "GATEWAY_SILENT": ConditionKind(
        _C, Effect.HALTED, "The gateway or execution does not answer.", "Start it; read mt5.log and execution.log."
    ),
    "GATEWAY_STORAGE": ConditionKind(
        _C,
        Effect.HALTED,
        "The gateway cannot write: no order is executed, and a generated market stops.",
        "Free or repair the disk; the gateway retries.",
    ),
    "GATEWAY_HALTED": ConditionKind(
        _C,
        Effect.REDUCE_ONLY,
        "A person halted the gateway: it refuses orders that open exposure.",
        "`paperdesk resume --at-gateway --reason ...`.",
    ),
    "VENUE_UNAVAILABLE": ConditionKind(
        _C, Effect.HALTED, "The terminal cannot reach its broker.", "Check terminal and connection."
    ),
    "LEASE_MISSING": ConditionKind(
        _C,
        Effect.REDUCE_ONLY,
        "No valid lease: the gateway refuses orders that open exposure and cancels resting ones.",
        "Read mt5.log and execution.log.",
    ),
    "LEASE_UNSUPPORTED": ConditionKind(
        _W,
        Effect.NONE,
        "The gateway grants no leases: resting orders outlive portfolio.",
        "Use another gateway.",
    ),
    "FEED_STALE": ConditionKind(
        _C,
        Effect.HALTED,
        "The market feed sends neither ticks nor heartbeats.",
        "Start the gateway; check ZMQ_MARKET_DATA_URL.",
    ),
    "NO_TICKS": ConditionKind(
        _W,
        Effect.SYMBOL,
        "The symbol has no ticks: market closed or recording ended.",
        "Check its sessions and `trading_signal_tick_age_seconds`.",
    ),
    "BREAKER_OPEN": ConditionKind(
        _W,
        Effect.SYMBOL,
        "The circuit breaker pauses the symbol after consecutive losses.",
        "Wait, or `paperdesk risk reset CIRCUIT_BREAKER --symbol SYMBOL --reason ...`.",
    ),
    "SIGNALS_DENIED": ConditionKind(
        _W,
        Effect.SYMBOL,
        "Risk rules have denied every signal for a minute.",
        "Read `paperdesk why SYMBOL` and `paperdesk risk`.",
    ),
    "ORDERS_REFUSED": ConditionKind(
        _C,
        Effect.SYMBOL,
        "Every order of the symbol is rejected, expires or is canceled by the venue.",
        "Read `paperdesk orders` and docs/retcodes.md.",
    ),
    "MODIFICATION_REFUSED": ConditionKind(
        _W,
        Effect.NONE,
        "The venue refused a change of stops or of a resting order; the old values stand.",
        "Read the text and docs/retcodes.md.",
    ),
    "CLOSE_WAITS": ConditionKind(_W, Effect.NONE, "A position is to be closed when its market opens.", "Wait."),
    "CONVERSION_MISSING": ConditionKind(
        _C,
        Effect.SYMBOL,
        "No quoted pair converts the symbol's profit into account currency.",
        "Add a pair to WATCHED_SYMBOL (`--watch`) or use another account currency.",
    ),
    "STRATEGY_FAULT": ConditionKind(
        _C,
        Effect.SYMBOL,
        "The strategy raised, returned an invalid signal or cannot be used.",
        "Fix the strategy (see signal.log), then restart signal.",
    ),
    "SIGNAL_SILENT": ConditionKind(
        _C, Effect.SYMBOL, "The signal process sends no hello.", "Start signal; read signal.log."
    ),
    "SIGNAL_NEVER_HEARD": ConditionKind(
        _C,
        Effect.SYMBOL,
        "No signal process has announced the symbol yet.",
        "Start signal with the symbol in TRADING_SYMBOL.",
    ),
    "SIGNAL_CRASH_LOOPING": ConditionKind(
        _C, Effect.SYMBOL, "The signal process ends and restarts repeatedly.", "Read signal.log."
    ),
    "SIGNAL_MUTE": ConditionKind(
        _C, Effect.SYMBOL, "The signal process is alive but sends no signals.", "Read signal.log; restart signal."
    ),
    "SIGNAL_CATCHING_UP": ConditionKind(
        _W, Effect.SYMBOL, "Signals lag behind the ticks.", "Wait; if it lasts, the strategy is too slow."
    ),
    "SIGNAL_WARMING_UP": ConditionKind(_I, Effect.SYMBOL, "The strategy needs more ticks.", "Wait."),
    "MARKET_BEHIND": ConditionKind(
        _W, Effect.SYMBOL, "The market repeats ticks that were already decided.", "Wait; no tick is decided twice."
    ),
    "STRATEGY_HOLDS": ConditionKind(
        _I,
        Effect.NONE,
        "Every signal has been HOLD for five minutes.",
        "If unintended, look for errors that the strategy catches.",
    ),
    "ENTRY_RESTS": ConditionKind(
        _I,
        Effect.NONE,
        "An entry has rested for a minute; no other order opens meanwhile.",
        "If unintended, check the plan's `offset_points` and `lifetime_s`.",
    ),
    "WATCHDOG_SILENT": ConditionKind(
        _W,
        Effect.NONE,
        "The watchdog does not poll portfolio: nobody is alerted, and hung processes are not killed.",
        "`supervisorctl start watchdog`; read watchdog.log.",
    ),
    "ALERTS_FAIL": ConditionKind(
        _W,
        Effect.NONE,
        "ALERT_COMMAND fails or cannot be run: alerts reach nobody.",
        "Fix ALERT_COMMAND (see watchdog.log), then restart watchdog.",
    ),
    "ORDER_IN_DOUBT": ConditionKind(
        _W, Effect.SYMBOL, "An order may or may not have been executed.", "Wait; compare with the venue."
    ),
    "ORDER_UNANSWERED": ConditionKind(
        _W,
        Effect.SYMBOL,
        "A market order has had no answer for three seconds; no other is sent.",
        "Wait; read mt5.log and execution.log.",
    ),
    "DRAWDOWN_WARNING": ConditionKind(
        _W, Effect.NONE, "The drawdown reached the warning level.", "Watch it; reduce by hand."
    ),
    "MARGIN_CALL": ConditionKind(
        _C, Effect.NONE, "The margin level is below the margin call level.", "Reduce positions or deposit."
    ),
    "INSTRUMENT_TERMS": ConditionKind(
        _W, Effect.NONE, "The venue changed the terms of a symbol.", "Check limits and plan, then resume."
    ),
    "FOREIGN_ORDERS": ConditionKind(
        _W, Effect.NONE, "The account has orders that the desk did not place.", "Check them, then resume."
    ),
    "PLAN_DISTANCE": ConditionKind(_W, Effect.NONE, "A plan distance is below the venue's minimum.", "Widen it."),
}
"""Every condition by code."""

PROCESS_STATES: Final = ("CONNECTING", "RECONCILING", "WAITING_FOR_SIGNALS", "FAILED", "STOPPING")
"""Conditions that are states of the portfolio process."""

_GRAVITY: Final = {effect: rank for rank, effect in enumerate(Effect)}
_URGENCY: Final = {severity: rank for rank, severity in enumerate(Severity)}


def condition(code: str, text: str, *, subject: str = "", by: str = "", effect: Effect | None = None) -> Condition:
    """Build a condition with a code of `CONDITION_KINDS`; `effect` is required for a cause of the trading state.

    Raises:
        KeyError: the table has no such code.
    """
    kind = CONDITION_KINDS[code]
    found = effect or kind.effect
    assert found is not None, f"{code} takes its effect from the trading state"
    return Condition(code=code, severity=kind.severity, effect=found, subject=subject, by=by, text=text[:512])


def by_gravity(conditions: Iterable[Condition]) -> list[Condition]:
    """Sort conditions by effect, then by severity, the gravest first. Equally grave ones keep their order."""
    return sorted(conditions, key=lambda one: (-_GRAVITY[one.effect], -_URGENCY[one.severity]))


def needs_person(found: Condition) -> bool:
    """Whether a condition raises an alert: its severity is WARNING or CRITICAL."""
    return found.severity is not Severity.INFO


def keeps_from_trading(found: Condition) -> bool:
    """Whether a condition prevents trading until a person acts, which exit codes and health checks report.

    Only severity CRITICAL counts: a condition of severity INFO ends without a person, one of WARNING may.
    """
    return found.effect is not Effect.NONE and found.severity is Severity.CRITICAL


def trades_nothing(conditions: Iterable[Condition], symbols: Iterable[str]) -> bool:
    """Whether the conditions together prevent orders that open exposure in every symbol.

    Args:
        conditions: current conditions.
        symbols: traded symbols.
    """
    found = list(conditions)
    if any(one.effect in (Effect.REDUCE_ONLY, Effect.HALTED) for one in found):
        return True
    prevented = {one.subject for one in found if one.effect is Effect.SYMBOL}
    traded = frozenset(symbols)
    return bool(traded) and traded <= prevented


def headline(conditions: Iterable[Condition], symbols: Iterable[str]) -> str:
    """The desk's state in one or two words: TRADING if no condition prevents trading in any symbol.

    Args:
        conditions: current conditions.
        symbols: traded symbols. The headline is NOT TRADING if every one of them is prevented.
    """
    found = by_gravity(conditions)
    gravest = next(iter(found), None)
    if gravest is None or gravest.effect is Effect.NONE:
        return "TRADING"
    if gravest.effect is Effect.SYMBOL:
        return "NOT TRADING" if trades_nothing(found, symbols) else "PARTLY TRADING"
    if gravest.effect is Effect.REDUCE_ONLY:
        return "REDUCE ONLY"
    return gravest.code.replace("_", " ") if gravest.code in PROCESS_STATES else "HALTED"


def describe(found: Condition) -> str:
    """One line of text for a condition: code, subject, who set it, text."""
    subject = f" {found.subject}" if found.subject else ""
    by = f" (by {found.by})" if found.by else ""
    return f"{found.code}{subject}{by}: {found.text}"
