"""For each alert rule: the series of a fault, and when the alert must fire and end, with the true durations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from proto.control import CONDITION_KINDS

STEP_S: Final = 15
"""Interval of the samples, and of the evaluations of the rules."""

BEGIN_S: Final = 60
"""When the fault of a gauge begins, and when a counter steps."""

LASTS_S: Final = 60
"""How long the fault lasts after the alert has fired."""

_DESK: Final = 'desk="london"'
_JOB: Final = f'job="paperdesk", {_DESK}'


@dataclass(frozen=True, kw_only=True)
class AlertCase:
    """Samples of a fault, and the alert that must follow.

    `series` has a series of samples in promtool's notation by selector. No alert of the rule may fire at `quiet_s`, the
    alert with the labels `labels` must fire at `fires_s`, and none at `ends_s`, in seconds after the first sample.
    Without `fires_s`, the alert must not fire at all.
    """

    alert: str
    series: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)
    fires_s: int = 0
    ends_s: int = 0

    @property
    def quiet_s(self) -> int:
        """The last evaluation before the alert fires."""
        return self.fires_s - STEP_S


def _gauge(
    alert: str, selector: str, labels: Mapping[str, str] | None = None, *, for_s: int, good: int = 0, bad: int = 1
) -> AlertCase:
    """A gauge that changes from `good` to `bad` at BEGIN_S, and back LASTS_S after the alert must have fired."""
    before, during = BEGIN_S // STEP_S, (for_s + LASTS_S) // STEP_S
    samples = f"{good}x{before - 1} {bad}x{during - 1} {good}x40"
    fires_s = BEGIN_S + for_s
    return AlertCase(
        alert=alert,
        series={selector: samples},
        labels={"desk": "london", **(labels or {})},
        fires_s=fires_s,
        ends_s=fires_s + LASTS_S,
    )


def _condition(alert: str, code: str, *, for_s: int, subject: str = "", shows_code: bool = False) -> AlertCase:
    """A condition that begins and ends; the alert has the subject, and the code if it is about several codes."""
    selector = f'trading_portfolio_condition_state{{{_JOB}, service="portfolio", code="{code}", subject="{subject}"}}'
    labels = {"subject": subject} if subject else {}
    return _gauge(alert, selector, {**labels, **({"code": code} if shows_code else {})}, for_s=for_s)


def _event(alert: str, selector: str, **labels: str) -> AlertCase:
    """A counter that steps once at BEGIN_S; the alert ends when the step is 15 minutes ago."""
    return AlertCase(
        alert=alert,
        series={selector: f"0x{BEGIN_S // STEP_S - 1} 1x120"},
        labels={"desk": "london", **labels},
        fires_s=BEGIN_S,
        ends_s=BEGIN_S + 900 + STEP_S,
    )


_WATCHDOG: Final = f'{_JOB}, service="watchdog"'


def _up(service: str) -> str:
    return f'up{{{_JOB}, service="{service}"}}'


def _all_up(*, without: str = "") -> dict[str, str]:
    return {_up(one): "1x200" for one in ("mt5", "execution", "portfolio", "signal", "watchdog") if one != without}


CASES: Final = (
    _gauge("ProcessDown", _up("mt5"), {"job": "paperdesk", "service": "mt5"}, for_s=60, good=1, bad=0),
    _gauge(
        "ProcessDown",
        f'trading_watchdog_process_up{{{_WATCHDOG}, program="signal"}}',
        {"job": "paperdesk", "service": "signal"},
        for_s=60,
        good=1,
        bad=0,
    ),
    AlertCase(alert="ProcessDown", series={_up("web"): "0x100"}),
    AlertCase(alert="ProcessDown", series={f'trading_watchdog_process_up{{{_WATCHDOG}, program="mt5"}}': "0x100"}),
    _gauge("PageDown", _up("web"), {"job": "paperdesk", "service": "web"}, for_s=300, good=1, bad=0),
    AlertCase(
        alert="MetricsMissing",
        series={**_all_up(without="signal"), _up("signal"): f"1x{BEGIN_S // STEP_S - 1} stale _x23 1x40"},
        labels={"job": "paperdesk", "desk": "london", "service": "signal"},
        fires_s=BEGIN_S + 300,
        ends_s=BEGIN_S + 300 + LASTS_S,
    ),
    AlertCase(
        alert="MetricsMissing",
        series=dict.fromkeys(_all_up(), "_x23 1x40"),
        labels={"job": "paperdesk"},
        fires_s=300,
        ends_s=24 * STEP_S,
    ),
    AlertCase(alert="MetricsMissing", series=_all_up()),
    _event(
        "ProcessKilled",
        f'trading_watchdog_killed_processes_total{{{_WATCHDOG}, program="signal"}}',
        job="paperdesk",
        service="watchdog",
        program="signal",
    ),
    *(
        _event(
            "ProcessFails",
            f'trading_watchdog_raised_alerts_total{{{_WATCHDOG}, kind="{kind}"}}',
            job="paperdesk",
            service="watchdog",
            kind=kind,
        )
        for kind in ("crash-loop", "fatal", "refused", "start")
    ),
    AlertCase(
        alert="ProcessFails", series={f'trading_watchdog_raised_alerts_total{{{_WATCHDOG}, kind="hang"}}': "0x3 1x100"}
    ),
    _condition("SupervisorSilent", "SUPERVISOR_SILENT", for_s=30),
    _condition("WatchdogSilent", "WATCHDOG_SILENT", for_s=60),
    *(
        _condition("TradingRestricted", code, for_s=0, shows_code=True)
        for code, kind in CONDITION_KINDS.items()
        if kind.effect is None  # a cause of the trading state
    ),
    AlertCase(
        alert="TradingRestricted",
        series={f'trading_portfolio_condition_state{{{_DESK}, code="SIGNAL_WARMING_UP", subject="EURUSD"}}': "1x100"},
    ),
    _condition("DeskFailed", "FAILED", for_s=15),
    _condition("DeskNotReady", "CONNECTING", for_s=300, shows_code=True),
    _condition("DeskNotReady", "RECONCILING", for_s=300, shows_code=True),
    _condition("StorageFails", "STORAGE", for_s=15, shows_code=True),
    _condition("StorageFails", "GATEWAY_STORAGE", for_s=15, shows_code=True),
    _condition("GatewaySilent", "GATEWAY_SILENT", for_s=30),
    *(
        _condition("GatewayRestricted", code, for_s=30, shows_code=True)
        for code in ("GATEWAY_HALTED", "VENUE_UNAVAILABLE", "LEASE_MISSING")
    ),
    _condition("FeedStale", "FEED_STALE", for_s=30),
    _gauge("FeedStale", f"trading_signal_heartbeat_age_seconds{{{_JOB}}}", for_s=30, good=5, bad=6),
    _condition("SymbolWithoutTicks", "NO_TICKS", for_s=900, subject="XAUUSD"),
    _condition("StrategyFault", "STRATEGY_FAULT", for_s=0, subject="EURUSD"),
    *(
        _condition("SignalsMissing", code, for_s=60, subject="EURUSD", shows_code=True)
        for code in ("SIGNAL_SILENT", "SIGNAL_NEVER_HEARD", "SIGNAL_CRASH_LOOPING", "SIGNAL_MUTE")
    ),
    _condition("SignalsLag", "SIGNAL_CATCHING_UP", for_s=300, subject="EURUSD"),
    # The first slow order is in the range of 5 minutes at once, and the median of the fast ones falls out after it.
    AlertCase(
        alert="OrdersSlow",
        series={
            f'trading_portfolio_tick_to_order_seconds_bucket{{{_JOB}, le="0.1"}}': "0+10x3 30x60 30+100x60",
            f'trading_portfolio_tick_to_order_seconds_bucket{{{_JOB}, le="0.5"}}': "0+10x3 40+10x59 640+100x60",
            f'trading_portfolio_tick_to_order_seconds_bucket{{{_JOB}, le="+Inf"}}': "0+10x3 40+10x59 640+100x60",
        },
        labels={"desk": "london", "hop": "tick to order"},
        fires_s=BEGIN_S + 600,
        ends_s=BEGIN_S + 900 + 330,
    ),
    _condition("SymbolNotTradable", "ORDERS_REFUSED", for_s=15, subject="EURUSD", shows_code=True),
    _condition("SymbolNotTradable", "CONVERSION_MISSING", for_s=15, subject="EURUSD", shows_code=True),
    _condition("SymbolPaused", "BREAKER_OPEN", for_s=600, subject="EURUSD", shows_code=True),
    _condition("SymbolPaused", "SIGNALS_DENIED", for_s=600, subject="EURUSD", shows_code=True),
    _condition("OrderInDoubt", "ORDER_IN_DOUBT", for_s=180, subject="EURUSD"),
    # Of ten orders in a quarter of a minute, six are rejected.
    AlertCase(
        alert="OrdersRejected",
        series={
            f'trading_portfolio_account_orders{{{_JOB}, status="REJECTED"}}': "0x3 6x120",
            f"trading_portfolio_created_orders_total{{{_JOB}}}": "0x3 10x120",
        },
        labels={"desk": "london"},
        fires_s=BEGIN_S,
        ends_s=BEGIN_S + 900 + STEP_S,
    ),
    AlertCase(
        alert="OrdersRejected",
        series={
            f'trading_portfolio_account_orders{{{_JOB}, status="REJECTED"}}': "0x3 6x120",
            f"trading_portfolio_created_orders_total{{{_JOB}}}": "0x3 60x120",
        },
    ),
    _condition("DrawdownNear", "DRAWDOWN_WARNING", for_s=60),
    AlertCase(
        alert="DrawdownNear",
        series={f'trading_portfolio_drawdown_headroom_ratio{{{_JOB}, level="reduce"}}': "0.02x3 0.009x7 0.02x20"},
        labels={"desk": "london"},
        fires_s=BEGIN_S + 60,
        ends_s=BEGIN_S + 60 + LASTS_S,
    ),
    AlertCase(
        alert="DrawdownNear",
        series={f'trading_portfolio_drawdown_headroom_ratio{{{_JOB}, level="warn"}}': "0.001x100"},
    ),
    _condition("MarginCall", "MARGIN_CALL", for_s=0),
    *(
        _condition("DeskNeedsAttention", code, for_s=300, shows_code=True)
        for code in ("LEDGER_UNSIGNED", "FOREIGN_ORDERS", "MODIFICATION_REFUSED", "MARKET_BEHIND")
    ),
    *(
        _condition("AlarmsFail", code, for_s=300, shows_code=True)
        for code in ("ALERTS_FAIL", "NOTIFY_FAILS", "NOTIFY_SILENT")
    ),
    _gauge(
        "MessagesDelayed",
        f'trading_notify_due_message_age_seconds{{{_JOB}, service="notify", target="phone"}}',
        {"target": "phone"},
        for_s=600,
        good=30,
        bad=31,
    ),
)
"""The cases of all alert rules; the alert of a rule must fire in at least one of them."""
