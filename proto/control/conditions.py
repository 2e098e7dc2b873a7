"""Conditions: everything that prevents trading or needs a person, each under one name.

`CONDITION_KINDS` is the one table of them. Status, screen, summary, exit code, metrics, health check, log, alerts and
the table in docs/operations.md are made from it, so that no surface can disagree with another. Code decides by a
condition's code alone; its text is for people.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct

from proto.trading.units import Name, Text

CONDITIONS_MAX: Final = 100
"""Conditions of one reply at most, the gravest first, so that it fits into a frame."""


class Effect(StrEnum):
    """Which trading a condition prevents."""

    NONE = "NONE"
    SYMBOL = "SYMBOL"
    """No order that opens exposure is sent for its subject, a symbol."""

    REDUCE_ONLY = "REDUCE_ONLY"
    """No order that opens exposure is sent for any symbol."""

    HALTED = "HALTED"
    """No order is sent for any signal."""


class Severity(StrEnum):
    """How soon a person should look."""

    INFO = "INFO"
    """The state passes by itself: no alert is raised."""

    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class TradingState(StrEnum):
    """What the desk may do: trade, only reduce what it holds, or send nothing but what FLATTEN or a person closes."""

    ACTIVE = "ACTIVE"
    REDUCE_ONLY = "REDUCE_ONLY"
    HALTED = "HALTED"


class StateCause(Struct, frozen=True, omit_defaults=True):
    """A cause of a trading state but ACTIVE: a row of the table, who or what set it, its text, and that state."""

    code: Name
    by: Name
    text: Text
    state: TradingState = TradingState.HALTED


class Condition(Struct, frozen=True, kw_only=True):
    """A condition that holds; `subject` is a symbol, a process or a file, empty for the whole desk."""

    code: Name
    severity: Severity
    effect: Effect
    subject: Text = ""
    by: Text = ""
    text: Text = ""


class ConditionKind(NamedTuple):
    """A row of the table: what a condition means, and what a person does about it.

    `effect` is None for causes of the trading state: they prevent what that state prevents.
    """

    severity: Severity
    effect: Effect | None
    meaning: str
    action: str


_I, _W, _C = Severity.INFO, Severity.WARNING, Severity.CRITICAL
_RESUME = "Look at the text and the venue, then `paperdesk resume --reason ...`."

CONDITION_KINDS: Final[dict[str, ConditionKind]] = {
    # ------------------------------------------------------------------ causes of the trading state, until `resume`
    "PERSON": ConditionKind(_C, None, "A person halted the desk or set it to reduce only.", _RESUME),
    "DRAWDOWN": ConditionKind(_C, None, "The equity fell below a drawdown level of the limits.", _RESUME),
    "REPEATED_ORDERS": ConditionKind(_C, None, "A symbol got too many orders in one direction in a row.", _RESUME),
    "REJECTS": ConditionKind(_C, None, "The venue rejected too many orders within a minute.", _RESUME),
    "CLOCK_STEPPED": ConditionKind(
        _C, None, "The wall clock jumped relative to the monotonic clock.", "Set the clock right, then resume."
    ),
    "IN_DOUBT_LIMIT": ConditionKind(
        _C, None, "More orders or lots are in doubt than the settings allow.", "Compare with the venue, then resume."
    ),
    "RECONCILIATION": ConditionKind(
        _C, None, "Ledger and venue disagree.", "Run `paperdesk reconcile`, settle each difference, then resume."
    ),
    "INSTRUMENT_CHANGED": ConditionKind(
        _C, None, "The venue changed the terms of a symbol that is held.", "Check the position's size, then resume."
    ),
    "GATEWAY_REFUSED": ConditionKind(_C, None, "The gateway refused a request that it should have taken.", _RESUME),
    "ORDER_CONFLICT": ConditionKind(
        _C, None, "Gateway and ledger disagree on an order's id or outcome.", "Compare with the venue, then resume."
    ),
    "LEASE_LOST": ConditionKind(
        _C, None, "Another portfolio leads the account.", "Stop the other one, then resume; this one leads again."
    ),
    "LEASE_REFUSED": ConditionKind(
        _C,
        None,
        "The gateway refused the lease, or orders under it, and the refusal will not pass by itself.",
        "Check that only one gateway and one portfolio run, then resume: the next epoch is taken.",
    ),
    "LEDGER_BROKEN": ConditionKind(
        _C, None, "The audit found the ledger damaged.", "Restore it from a backup; `resume` is refused until then."
    ),
    "LEDGER_ROLLED_BACK": ConditionKind(
        _C,
        None,
        "Gateway or venue know orders or changes of the desk that the ledger does not: it has gone back in time.",
        "Check positions and cash with `paperdesk reconcile`, find out who put an older ledger back, then resume.",
    ),
    "LEDGER_TAIL_MISSING": ConditionKind(
        _C,
        None,
        "The ledger lacks events that it had: an older copy was put back, its tail was cut, or a new one took its "
        "place.",
        "Check positions and cash with `paperdesk reconcile`, find out who changed the ledger, then resume.",
    ),
    "VENUE_ROLLED_BACK": ConditionKind(
        _C,
        None,
        "The venue lacks deals that the ledger has booked: the broker's book has gone back in time, or is another one.",
        "Stop the desk, put the right book back or begin in an empty data directory; until then `resume` is refused.",
    ),
    "UNCLASSIFIED": ConditionKind(_C, None, "An earlier version stopped the desk; its text says why.", _RESUME),
    "LEDGER_INVARIANT": ConditionKind(
        _C, None, "A booked deal broke an accounting rule.", "Report it with `paperdesk export`; compare, then resume."
    ),
    # ------------------------------------------------------------------------------------- states of the process
    "CONNECTING": ConditionKind(_I, Effect.HALTED, "Portfolio has no gateway yet.", "Wait; start the gateway."),
    "RECONCILING": ConditionKind(_I, Effect.HALTED, "Portfolio compares ledger and venue.", "Wait."),
    "WAITING_FOR_SIGNALS": ConditionKind(
        _I, Effect.HALTED, "A recorded stream waits for a signal process for every symbol.", "Start signal."
    ),
    "FAILED": ConditionKind(
        _C,
        Effect.HALTED,
        "Portfolio cannot go on with this account until it is restarted.",
        "Mend the cause, then restart portfolio.",
    ),
    "STOPPING": ConditionKind(_I, Effect.HALTED, "Portfolio is stopping on request.", "Nothing."),
    # ---------------------------------------- seen from outside portfolio: by the screen, status and the watchdog
    "PROCESS_DOWN": ConditionKind(
        _C, Effect.HALTED, "A process of the desk is not running.", "Read its log, then `supervisorctl start NAME`."
    ),
    "PORTFOLIO_SILENT": ConditionKind(
        _C, Effect.HALTED, "Portfolio does not answer; nothing is known of the desk.", "Read portfolio.log."
    ),
    "SUPERVISOR_SILENT": ConditionKind(
        _C, Effect.NONE, "supervisord does not answer: what ends is not started again.", "Restart the desk."
    ),
    # --------------------------------------------------------------------------------------- what comes and goes
    "STORAGE": ConditionKind(
        _C,
        Effect.HALTED,
        "The ledger cannot be written: no order is made or sent, not even one that closes.",
        "Free room or mend the disk; the desk retries by itself.",
    ),
    "LEDGER_UNSIGNED": ConditionKind(
        _W,
        Effect.NONE,
        "The ledger's newest head cannot be signed, or cannot be stored.",
        "Free room; check the folder of LEDGER_KEY_FILE.",
    ),
    "GATEWAY_SILENT": ConditionKind(
        _C, Effect.HALTED, "The gateway or execution does not answer.", "Start it; read mt5.log and execution.log."
    ),
    "GATEWAY_STORAGE": ConditionKind(
        _C,
        Effect.HALTED,
        "The gateway cannot write to its disk: no order is executed and a generated market stands still.",
        "Free room or mend the disk; the gateway retries by itself.",
    ),
    "GATEWAY_HALTED": ConditionKind(
        _C,
        Effect.REDUCE_ONLY,
        "A person halted the gateway: it refuses orders that open exposure.",
        "`paperdesk resume --at-gateway --reason ...`.",
    ),
    "VENUE_UNAVAILABLE": ConditionKind(
        _C, Effect.HALTED, "The gateway's terminal cannot reach its broker.", "Check the terminal and its connection."
    ),
    "LEASE_MISSING": ConditionKind(
        _C,
        Effect.REDUCE_ONLY,
        "The lease ran out or was not granted: the gateway refuses orders that open exposure, and cancels resting "
        "ones.",
        "Read mt5.log and execution.log; the lease is requested again every second.",
    ),
    "LEASE_UNSUPPORTED": ConditionKind(
        _W,
        Effect.NONE,
        "The gateway grants no leases: resting orders stay when portfolio is gone.",
        "Use a gateway that grants them.",
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
        "The market of the symbol publishes no ticks: it is closed, or the recording has ended.",
        "Check its sessions and `trading_signal_tick_age_seconds`.",
    ),
    "BREAKER_OPEN": ConditionKind(
        _W,
        Effect.SYMBOL,
        "The circuit breaker pauses the symbol after losses in a row; positions are managed.",
        "Wait, or `paperdesk risk reset CIRCUIT_BREAKER --symbol SYMBOL --reason ...`.",
    ),
    "SIGNALS_DENIED": ConditionKind(
        _W,
        Effect.SYMBOL,
        "Risk rules have denied every signal of the symbol for a minute or longer.",
        "Read `paperdesk why SYMBOL` and `paperdesk risk`.",
    ),
    "ORDERS_REFUSED": ConditionKind(
        _C,
        Effect.SYMBOL,
        "Every order of the symbol ends unexecuted: rejected, expired, or canceled by the venue.",
        "Read `paperdesk orders`; look the retcode up in docs/retcodes.md.",
    ),
    "MODIFICATION_REFUSED": ConditionKind(
        _W,
        Effect.NONE,
        "The venue refused the latest change of a position's stops, or of an order that rests: what it had before stands.",
        "Read the text and docs/retcodes.md; the next change is sent as usual.",
    ),
    "CLOSE_WAITS": ConditionKind(
        _W,
        Effect.NONE,
        "A position of the symbol is to be closed, and its market is closed: the order goes out with the next session.",
        "Wait; `paperdesk positions` shows what is held.",
    ),
    "CONVERSION_MISSING": ConditionKind(
        _C,
        Effect.SYMBOL,
        "No quoted pair turns the symbol's profit into account currency: each order is denied.",
        "Name a pair in WATCHED_SYMBOL (`--watch`), or use an account in another currency.",
    ),
    "STRATEGY_FAULT": ConditionKind(
        _C,
        Effect.SYMBOL,
        "The symbol's strategy raised, returned nonsense or cannot be used; signals are HOLD, positions are managed.",
        "Mend the strategy by the error and signal.log, then restart signal.",
    ),
    "SIGNAL_SILENT": ConditionKind(
        _C,
        Effect.SYMBOL,
        "The signal process sends no hello; positions are managed on the market's ticks.",
        "Start signal; read signal.log.",
    ),
    "SIGNAL_NEVER_HEARD": ConditionKind(
        _C,
        Effect.SYMBOL,
        "No signal process has announced the symbol yet; positions are managed on the market's ticks.",
        "Start signal with the symbol in its TRADING_SYMBOL; read signal.log.",
    ),
    "SIGNAL_CRASH_LOOPING": ConditionKind(
        _C, Effect.SYMBOL, "The signal process ends and is started again and again.", "Read signal.log."
    ),
    "SIGNAL_MUTE": ConditionKind(
        _C,
        Effect.SYMBOL,
        "The signal process is alive and sends no signals; positions are managed on the market's ticks.",
        "Read signal.log; restart signal.",
    ),
    "SIGNAL_CATCHING_UP": ConditionKind(
        _W, Effect.SYMBOL, "Signals lag behind the ticks.", "Wait; a strategy that never keeps up is too slow."
    ),
    "SIGNAL_WARMING_UP": ConditionKind(
        _I, Effect.SYMBOL, "The symbol's strategy has not seen enough ticks yet.", "Wait."
    ),
    "MARKET_BEHIND": ConditionKind(
        _W,
        Effect.SYMBOL,
        "The market has gone back in its stream: it repeats ticks that were decided already.",
        "Wait; no tick is decided twice.",
    ),
    "STRATEGY_HOLDS": ConditionKind(
        _I,
        Effect.NONE,
        "Every signal of the symbol's strategy has been HOLD for five minutes or longer.",
        "Nothing if intended; otherwise look for errors that the strategy catches itself.",
    ),
    "ENTRY_RESTS": ConditionKind(
        _I,
        Effect.NONE,
        "An entry of the symbol has rested at the venue for a minute or longer; no other order opens meanwhile.",
        "Nothing if intended; otherwise check `offset_points` and `lifetime_s` of the plan.",
    ),
    "WATCHDOG_SILENT": ConditionKind(
        _W,
        Effect.NONE,
        "The watchdog does not ask portfolio for its conditions: no alert is raised, and what hangs is not killed.",
        "`supervisorctl start watchdog`; read watchdog.log.",
    ),
    "ALERTS_FAIL": ConditionKind(
        _W,
        Effect.NONE,
        "ALERT_COMMAND cannot be run or fails: alerts reach nobody.",
        "Mend ALERT_COMMAND by watchdog.log, then restart watchdog.",
    ),
    "ORDER_IN_DOUBT": ConditionKind(
        _W, Effect.SYMBOL, "An order of the symbol may or may not have been executed.", "Wait; compare with the venue."
    ),
    "ORDER_UNANSWERED": ConditionKind(
        _W,
        Effect.SYMBOL,
        "An order at the market is neither executed nor refused for three seconds; the symbol is sent no other.",
        "Wait; read mt5.log and execution.log; compare with the venue.",
    ),
    "DRAWDOWN_WARNING": ConditionKind(
        _W, Effect.NONE, "The drawdown reached the warning level of the limits.", "Watch it; reduce by hand."
    ),
    "MARGIN_CALL": ConditionKind(
        _C, Effect.NONE, "The margin level is below the venue's margin call level.", "Reduce positions or deposit."
    ),
    "INSTRUMENT_TERMS": ConditionKind(
        _W, Effect.NONE, "The venue changed the terms of a symbol.", "Check the limits and the plan, then resume."
    ),
    "FOREIGN_ORDERS": ConditionKind(
        _W, Effect.NONE, "The account has orders that the desk did not place.", "Check them, then resume."
    ),
    "PLAN_DISTANCE": ConditionKind(
        _W, Effect.NONE, "A distance of the plan is below the venue's minimum.", "Widen it in the plan."
    ),
}
"""Every condition, by its code."""

PROCESS_STATES: Final = ("CONNECTING", "RECONCILING", "WAITING_FOR_SIGNALS", "FAILED", "STOPPING")
"""Conditions that are states of the process; those of severity INFO pass by themselves."""

_GRAVITY: Final = {effect: rank for rank, effect in enumerate(Effect)}
_URGENCY: Final = {severity: rank for rank, severity in enumerate(Severity)}


def condition(code: str, text: str, *, subject: str = "", by: str = "", effect: Effect | None = None) -> Condition:
    """A condition of the table; `effect` is needed where the row leaves it to the trading state.

    Raises:
        KeyError: there is no such row.
    """
    kind = CONDITION_KINDS[code]
    found = effect or kind.effect
    assert found is not None, f"{code} takes its effect from the trading state"
    return Condition(code=code, severity=kind.severity, effect=found, subject=subject, by=by, text=text[:512])


def by_gravity(conditions: Iterable[Condition]) -> list[Condition]:
    """The gravest first: by effect, then by severity; equal ones stay in their order."""
    return sorted(conditions, key=lambda one: (-_GRAVITY[one.effect], -_URGENCY[one.severity]))


def needs_person(found: Condition) -> bool:
    """Whether an alert is raised: a state that passes by itself (INFO) needs none."""
    return found.severity is not Severity.INFO


def keeps_from_trading(found: Condition) -> bool:
    """Whether it prevents trading for longer than expected, so that exit codes and health checks report it.

    What passes by itself (INFO) and what may pass without a person (WARNING) do not count.
    """
    return found.effect is not Effect.NONE and found.severity is Severity.CRITICAL


def trades_nothing(conditions: Iterable[Condition], symbols: Iterable[str]) -> bool:
    """Whether no symbol may be sent an order that opens exposure, whatever prevents it.

    Args:
        conditions: those that hold.
        symbols: what is traded.
    """
    found = list(conditions)
    if any(one.effect in (Effect.REDUCE_ONLY, Effect.HALTED) for one in found):
        return True
    prevented = {one.subject for one in found if one.effect is Effect.SYMBOL}
    traded = frozenset(symbols)
    return bool(traded) and traded <= prevented


def headline(conditions: Iterable[Condition], symbols: Iterable[str]) -> str:
    """The desk's state in a word or two: TRADING only where no condition prevents any trading.

    Args:
        conditions: those that hold.
        symbols: what is traded; where each of them is prevented, the desk is not trading.
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
    """A condition in one line."""
    subject = f" {found.subject}" if found.subject else ""
    by = f" (by {found.by})" if found.by else ""
    return f"{found.code}{subject}{by}: {found.text}"
