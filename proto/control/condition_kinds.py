"""The table of conditions: severity, effect, meaning, and what a person does about each.

Status, screen, summary, exit code, metrics, health check, log, alerts and the table in docs/operations.md are derived
from `CONDITION_KINDS`. Programs must use a condition's code; its text is for people.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


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
    # --------------------------------------------------------------- causes of the trading state, stored until `resume`
    "PERSON": ConditionKind(_C, None, "A person set the desk to HALTED or REDUCE_ONLY.", _RESUME),
    "DRAWDOWN": ConditionKind(_C, None, "The drawdown reached its REDUCE_ONLY or HALTED level.", _RESUME),
    "REPEATED_ORDERS": ConditionKind(
        _C, None, "An order would have exceeded the limit of consecutive orders in one symbol and direction.", _RESUME
    ),
    "REJECTS": ConditionKind(_C, None, "The number of orders rejected within a minute reached its limit.", _RESUME),
    "CLOCK_STEPPED": ConditionKind(
        _C, None, "The wall clock stepped, or the host slept.", "Correct the clock, then resume."
    ),
    "IN_DOUBT_LIMIT": ConditionKind(
        _C,
        None,
        "More orders or lots are in doubt than the limit allows.",
        "Compare the orders with the venue, then resume.",
    ),
    "RECONCILIATION": ConditionKind(
        _C,
        None,
        "The reconciliation found differences between ledger and venue.",
        "Run `paperdesk reconcile`, settle each difference, then resume.",
    ),
    "INSTRUMENT_CHANGED": ConditionKind(
        _C,
        None,
        "The venue changed the terms of a symbol with a position or an open order.",
        "Check the volume of position and orders, then resume.",
    ),
    "GATEWAY_REFUSED": ConditionKind(
        _C, None, "The gateway refused a request with an error that does not end by itself.", _RESUME
    ),
    "ORDER_CONFLICT": ConditionKind(
        _C,
        None,
        "Gateway and ledger disagree on an order's id or outcome.",
        "Compare the orders with the venue, then resume.",
    ),
    "LEASE_LOST": ConditionKind(
        _C,
        None,
        "Another portfolio process has taken over the account.",
        "Stop the other process, then resume to take the account back.",
    ),
    "LEASE_REFUSED": ConditionKind(
        _C,
        None,
        "The gateway permanently refuses the lease, or refuses orders despite a granted lease.",
        "Run only one gateway and one portfolio, then resume.",
    ),
    "LEDGER_BROKEN": ConditionKind(
        _C, None, "The audit found the ledger damaged.", "Restore a backup. Until then `resume` is refused."
    ),
    "LEDGER_ROLLED_BACK": ConditionKind(
        _C,
        None,
        "The ledger is an older copy: gateway or venue has orders or changes that the ledger lacks.",
        "Find out who replaced the ledger, run `paperdesk reconcile`, then resume.",
    ),
    "LEDGER_TAIL_MISSING": ConditionKind(
        _C,
        None,
        "The ledger was replaced or truncated: its latest events are missing.",
        "Find out who changed the ledger, run `paperdesk reconcile`, then resume.",
    ),
    "VENUE_ROLLED_BACK": ConditionKind(
        _C,
        None,
        "The venue lacks or contradicts booked deals: its book is outdated or of another account.",
        "Stop the desk, then restore the book or start in an empty data directory.",
    ),
    "UNCLASSIFIED": ConditionKind(
        _C, None, "An earlier version of the desk stored this cause without a code.", _RESUME
    ),
    "LEDGER_INVARIANT": ConditionKind(
        _C,
        None,
        "A booked deal violated an accounting rule.",
        "Compare ledger and venue, report the fault with the output of `paperdesk export`, then resume.",
    ),
    # ------------------------------------------------------------------------------------- states of the process
    "CONNECTING": ConditionKind(
        _I, Effect.HALTED, "Portfolio is connecting to the gateway.", "Wait, or start the gateway."
    ),
    "RECONCILING": ConditionKind(_I, Effect.HALTED, "Portfolio is comparing ledger and venue.", "Wait."),
    "WAITING_FOR_SIGNALS": ConditionKind(
        _I, Effect.HALTED, "A replay waits for a signal process of each symbol.", "Start signal."
    ),
    "FAILED": ConditionKind(
        _C, Effect.HALTED, "Portfolio cannot continue without a restart.", "Remove the cause, then restart portfolio."
    ),
    "STOPPING": ConditionKind(_I, Effect.HALTED, "Portfolio is stopping.", "Wait."),
    # ------------------------------------ detected outside portfolio: by the screen, status and the watchdog
    "PROCESS_DOWN": ConditionKind(
        _C, Effect.HALTED, "A process is not running.", "Read its log, then `supervisorctl start NAME`."
    ),
    "PAGE_DOWN": ConditionKind(
        _W, Effect.NONE, "The web page is down; the desk trades.", "Read web.log, then `supervisorctl start web`."
    ),
    "PORTFOLIO_SILENT": ConditionKind(_C, Effect.HALTED, "Portfolio does not answer.", "Read portfolio.log."),
    "SUPERVISOR_SILENT": ConditionKind(
        _C, Effect.NONE, "supervisord does not answer: ended processes are not restarted.", "Restart the desk."
    ),
    # ----------------------------------------------------------------------- end when their cause ends
    "STORAGE": ConditionKind(
        _C,
        Effect.HALTED,
        "The ledger cannot be written: no order is sent, not even a close.",
        "Free or repair the disk. The desk retries by itself.",
    ),
    "LEDGER_UNSIGNED": ConditionKind(
        _W,
        Effect.NONE,
        "The head of the ledger's hash chain cannot be signed, or its signature cannot be stored.",
        "Free disk space. Check the folder of LEDGER_KEY_FILE.",
    ),
    "GATEWAY_SILENT": ConditionKind(
        _C,
        Effect.HALTED,
        "The gateway or execution does not answer.",
        "Start the missing process. Read mt5.log and execution.log.",
    ),
    "GATEWAY_STORAGE": ConditionKind(
        _C,
        Effect.HALTED,
        "The gateway cannot write to its disk: no order is executed, and a generated market stops.",
        "Free or repair the disk. The gateway retries by itself.",
    ),
    "GATEWAY_HALTED": ConditionKind(
        _C,
        Effect.REDUCE_ONLY,
        "A person halted the gateway: it refuses orders that open exposure.",
        "Run `paperdesk resume --at-gateway --reason ...`.",
    ),
    "VENUE_UNAVAILABLE": ConditionKind(
        _C, Effect.HALTED, "The terminal cannot reach its broker.", "Check the terminal and its connection."
    ),
    "LEASE_MISSING": ConditionKind(
        _C,
        Effect.REDUCE_ONLY,
        "Portfolio has no valid lease: the gateway refuses orders that open exposure and cancels resting orders.",
        "Read mt5.log and execution.log.",
    ),
    "LEASE_UNSUPPORTED": ConditionKind(
        _W,
        Effect.NONE,
        "The gateway grants no leases: resting orders stay at the venue when portfolio ends.",
        "Use another gateway.",
    ),
    "FEED_STALE": ConditionKind(
        _C,
        Effect.HALTED,
        "The market feed sends neither ticks nor heartbeats.",
        "Start the gateway. Check ZMQ_MARKET_DATA_URL.",
    ),
    "NO_TICKS": ConditionKind(
        _W,
        Effect.SYMBOL,
        "The symbol has had no tick for a minute, for example because its market is closed.",
        "Check the symbol's sessions and `trading_signal_tick_age_seconds`.",
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
        "Risk rules have denied at least five signals in a row, over at least a minute.",
        "Read `paperdesk why SYMBOL` and `paperdesk risk`.",
    ),
    "ORDERS_REFUSED": ConditionKind(
        _C,
        Effect.SYMBOL,
        "At least five orders of the symbol in a row ended without execution.",
        "Read `paperdesk orders` and docs/retcodes.md.",
    ),
    "MODIFICATION_REFUSED": ConditionKind(
        _W,
        Effect.NONE,
        "The venue refused a change of stops or of a resting order; the old values still apply.",
        "Read the condition's text and docs/retcodes.md.",
    ),
    "CLOSE_WAITS": ConditionKind(_W, Effect.NONE, "The close of a position waits until its market opens.", "Wait."),
    "CONVERSION_MISSING": ConditionKind(
        _C,
        Effect.SYMBOL,
        "No quoted pair converts the symbol's profit into account currency.",
        "Add a pair to WATCHED_SYMBOL (`--watch`) or use another account currency.",
    ),
    "STRATEGY_FAULT": ConditionKind(
        _C,
        Effect.SYMBOL,
        "The strategy raised an exception, returned an invalid signal or cannot be used.",
        "Fix the strategy (see signal.log), then restart signal.",
    ),
    "SIGNAL_SILENT": ConditionKind(
        _C, Effect.SYMBOL, "The signal process sends no hello messages.", "Start signal. Read signal.log."
    ),
    "SIGNAL_NEVER_HEARD": ConditionKind(
        _C,
        Effect.SYMBOL,
        "No signal process has announced the symbol yet.",
        "Start signal with the symbol in TRADING_SYMBOL.",
    ),
    "SIGNAL_CRASH_LOOPING": ConditionKind(
        _C, Effect.SYMBOL, "The signal process ends and is restarted repeatedly.", "Read signal.log."
    ),
    "SIGNAL_MUTE": ConditionKind(
        _C,
        Effect.SYMBOL,
        "The signal process sends hello messages but no signals.",
        "Read signal.log, then restart signal.",
    ),
    "SIGNAL_CATCHING_UP": ConditionKind(
        _W, Effect.SYMBOL, "Signals lag behind the ticks.", "Wait. If the condition lasts, the strategy is too slow."
    ),
    "SIGNAL_WARMING_UP": ConditionKind(_I, Effect.SYMBOL, "The strategy has not received enough ticks yet.", "Wait."),
    "MARKET_BEHIND": ConditionKind(
        _W,
        Effect.SYMBOL,
        "The market repeats ticks that portfolio has already decided.",
        "Wait. No tick is decided twice.",
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
        "An entry order has rested for a minute and blocks other entries of its symbol.",
        "If unintended, check the plan's `offset_points` and `lifetime_s`.",
    ),
    "WATCHDOG_SILENT": ConditionKind(
        _W,
        Effect.NONE,
        "The watchdog sends no queries to portfolio: alerts are not sent, and hung processes are not killed.",
        "Run `supervisorctl start watchdog`. Read watchdog.log.",
    ),
    "ALERTS_FAIL": ConditionKind(
        _W,
        Effect.NONE,
        "ALERT_COMMAND fails or cannot be run: alerts are not delivered.",
        "Fix ALERT_COMMAND (see watchdog.log), then restart watchdog.",
    ),
    "NOTIFY_FAILS": ConditionKind(
        _W,
        Effect.NONE,
        "A target of NOTIFY_FILE or the heartbeat fails, or notify cannot read the source of alerts.",
        "Run `paperdesk notify test TARGET`. Read notify.log.",
    ),
    "NOTIFY_SILENT": ConditionKind(
        _W,
        Effect.NONE,
        "The process notify sends no queries to portfolio: nobody gets alerts.",
        "Read notify.log, then `supervisorctl start notify`.",
    ),
    "ORDER_IN_DOUBT": ConditionKind(
        _W, Effect.SYMBOL, "An order may or may not have been executed.", "Wait, or compare the order with the venue."
    ),
    "ORDER_UNANSWERED": ConditionKind(
        _W,
        Effect.SYMBOL,
        "A market order has had no outcome for three seconds and blocks other orders of its symbol.",
        "Wait. Read mt5.log and execution.log.",
    ),
    "DRAWDOWN_WARNING": ConditionKind(
        _W, Effect.NONE, "The drawdown reached the warning level.", "Watch the drawdown, or reduce positions by hand."
    ),
    "MARGIN_CALL": ConditionKind(
        _C, Effect.NONE, "The margin level is below the margin call level.", "Reduce positions or deposit funds."
    ),
    "INSTRUMENT_TERMS": ConditionKind(
        _W, Effect.NONE, "The venue changed the terms of a symbol.", "Check limits and plan, then resume."
    ),
    "FOREIGN_ORDERS": ConditionKind(
        _W, Effect.NONE, "The account has orders that the desk did not place.", "Check these orders, then resume."
    ),
    "PLAN_DISTANCE": ConditionKind(
        _W,
        Effect.NONE,
        "A distance of the plan is below the venue's minimum: opening in the symbol is denied.",
        "Increase the distance.",
    ),
}
"""Every condition by code."""
