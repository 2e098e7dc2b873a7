"""Settings of the environment and `.env` that `paperdesk run` uses, ignores or refuses."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from typing import Final, NamedTuple

from common.errors import StartError
from common.settings import CommonSettings, given_settings, load, settings_models
from orchestration.environment import PASSED_ON

HEEDED: Final = frozenset(
    {
        "DEFAULT_VOLUME",
        "ON_OPPOSITE",
        "RISK",
        "PLAN",
        "SIGNAL_AGE_MAX_MS",
        "SIGNAL_CHECKPOINT_TICKS",
        "DOUBT_ORDERS_MAX",
        "DOUBT_LOTS_MAX",
        "RECONCILE_EVERY_S",
        "LEDGER_KEY_FILE",
        "EXECUTION_IN_FLIGHT_MAX",
        "GTW_TIMEOUT_MS",
        "MT5_BALANCE",
        "MT5_CURRENCY",
        "MT5_CROSSED",
        "MT5_FILLS",
        "MT5_INSTRUMENTS",
        "MT5_ACCOUNT_MODE",
        "MT5_LEVERAGE",
        "MT5_FAULTS",
        "MT5_LEASE_MS",
        "MT5_SETTLING_MS",
        "MT5_SYMBOL_MAP",
        "METRICS_HOST",
        "METRICS_PORT_MT5",
        "METRICS_PORT_SIGNAL",
        "METRICS_PORT_PORTFOLIO",
        "METRICS_PORT_EXECUTION",
        "METRICS_PORT_WATCHDOG",
    }
)
"""Settings that the processes of `run` find as they are."""

OPTIONS: Final = {
    "TRADING_SYMBOL": "--symbols",
    "WATCHED_SYMBOL": "--watch",
    "STRATEGY": "--strategy",
    "MODEL": "--model",
    "MT5_SEED": "--seed",
    "PAPERDESK_DATA_DIR": "--data-dir",
    "MT5_TICKS": "--ticks",
    "MT5_TICKS_ZONE": "--zone",
}
"""Settings that `run` takes as options only; it has defaults of its own, and reports a setting that it ignores."""

GATEWAY: Final = frozenset({"GTW_HOST", "GTW_PORT", "ZMQ_EXECUTION_URL", "ZMQ_MARKET_DATA_URL"})
"""Settings that name a gateway elsewhere: `run` then starts none of its own."""

REFUSED: Final = {"MT5_VENUE": ("terminal",)}
HASH_CHARS: Final = 8


class GatewayElsewhere(NamedTuple):
    """Where a gateway that another process runs takes requests, and where it publishes ticks."""

    requests: str
    ticks: str

    @property
    def folder(self) -> str:
        """The name of the data directory of an account there: each gateway has an account of its own."""
        return f"gateway-{hashlib.sha256(self.requests.encode()).hexdigest()[:HASH_CHARS]}"


class RunSettings(NamedTuple):
    """What was found: settings for the processes, and the gateway if it is elsewhere."""

    heeded: dict[str, str]
    gateway: GatewayElsewhere | None


def run_settings() -> RunSettings:
    """Read environment and `.env`; settings without effect on `run` are reported on stderr.

    Raises:
        StartError: a setting is wrong, or contradicts a desk of its own.
    """
    common = load(CommonSettings)
    given = given_settings()
    for name, values in REFUSED.items():
        if given.get(name) in values:
            raise StartError(
                f"{name} is {given[name]!r}, expected another value: paperdesk run has a simulated venue of its own; "
                "supervisord -c supervisord.conf runs a desk before a terminal"
            )
    for model in settings_models().values():  # each process would refuse it, the watchdog out of sight
        load(model)
    gateway = None
    if GATEWAY & given.keys():
        gateway = GatewayElsewhere(common.gateway_url, common.market_data_url)
    _tell_unheeded(given, PASSED_ON)
    heeded = {name: value for name, value in given.items() if name in HEEDED | PASSED_ON}
    return RunSettings(heeded, gateway)


def _tell_unheeded(given: Mapping[str, str], passed_on: frozenset[str]) -> None:
    unheeded = sorted(given.keys() - HEEDED - GATEWAY - passed_on - REFUSED.keys())
    if unheeded:
        shown = ", ".join(f"{name} ({OPTIONS[name]})" if name in OPTIONS else name for name in unheeded)
        print(
            f"paperdesk: run has sockets and folders of its own and does not heed {shown}, set for a desk that stays",
            file=sys.stderr,
        )
