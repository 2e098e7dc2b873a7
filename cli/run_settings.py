"""Settings of the environment and `.env` that `paperdesk run` passes to its processes, ignores or refuses."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from common.errors import StartError
from common.project_root import DESK_ROOT, HAS_OWN_DESK, expanded
from common.settings import CommonSettings, given_settings, load, settings_models
from marketdata.instrument_files.loader import shipped_files
from orchestration.environment import PASSED_ON
from services.mt5.core.simulated.fill_model import PROFILES
from services.portfolio.config_files.limits_file import RISK_SETS

FORWARDED: Final = frozenset(
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
        "METRICS_PORT_WEB",
        "METRICS_PORT_NOTIFY",
        "WEB_HOST",
        "WEB_PORT",
        "WEB_HOSTS",
        "WEB_USERS_FILE",
        "WEB_TLS_CERT",
        "WEB_TLS_KEY",
        "WEB_TRUSTED_PROXY",
        "WEB_PUBLISHED",
        "WEB_SESSION_HOURS",
        "NOTIFY_FILE",
    }
)
"""Settings that `run` passes to its processes unchanged."""

OPTIONS: Final = {
    "TRADING_SYMBOL": "--symbols",
    "WATCHED_SYMBOL": "--watch",
    "STRATEGY": "--strategy",
    "STRATEGY_PARAMS": "--param",
    "MODEL": "--model",
    "MT5_SEED": "--seed",
    "PAPERDESK_DATA_DIR": "--data-dir",
    "MT5_TICKS": "--ticks",
    "MT5_TICKS_ZONE": "--zone",
}
"""Settings that `run` ignores with a notice, each with the option that replaces it.

In a desk of `paperdesk init` they are the defaults of these options instead.
"""

FILES: Final[Mapping[str, Collection[str]]] = {
    "RISK": RISK_SETS,
    "PLAN": (),
    "MT5_FILLS": PROFILES,
    "MT5_INSTRUMENTS": shipped_files(),
}
"""Settings that name a file, each with the values that are names of something else."""

GATEWAY: Final = frozenset({"GTW_HOST", "GTW_PORT", "ZMQ_EXECUTION_URL", "ZMQ_MARKET_DATA_URL"})
"""Settings with the address of a gateway that another process runs; if one is given, `run` starts no gateway."""

REFUSED: Final = {"MT5_VENUE": ("terminal",)}
"""Settings with the values that `run` refuses."""

HASH_CHARS: Final = 8


class GatewayElsewhere(NamedTuple):
    """The addresses for requests and for ticks of a gateway that another process runs."""

    requests: str
    ticks: str

    @property
    def folder(self) -> str:
        """Name of the data directory for this gateway. Each gateway has its own, because it needs its own ledger."""
        return f"gateway-{hashlib.sha256(self.requests.encode()).hexdigest()[:HASH_CHARS]}"


class RunSettings(NamedTuple):
    """The settings for the processes, and the gateway of another process.

    `gateway` is None if `run` starts its own gateway. `defaults` are the settings of OPTIONS that replace the options'
    defaults; empty outside a desk of `paperdesk init`.
    """

    forwarded: dict[str, str]
    gateway: GatewayElsewhere | None
    defaults: dict[str, str]


def run_settings() -> RunSettings:
    """Read the environment and `.env`, and report ignored settings on stderr.

    Raises:
        StartError: a setting is invalid or refused by `run`.
    """
    common = load(CommonSettings)
    given = _with_paths(given_settings())
    for name, values in REFUSED.items():
        if given.get(name) in values:
            raise StartError(
                f"{name} is {given[name]!r}, expected none or simulated: paperdesk run has its own simulated venue; "
                "supervisord -c supervisord.conf runs a desk with a terminal"
            )
    for model in settings_models().values():  # an invalid setting is refused here and not in a started process
        load(model)
    gateway = None
    if GATEWAY & given.keys():
        gateway = GatewayElsewhere(common.gateway_url, common.market_data_url)
    defaults = {name: given[name] for name in OPTIONS if name in given} if HAS_OWN_DESK else {}
    _report_ignored(given, PASSED_ON | defaults.keys())
    forwarded = {name: value for name, value in given.items() if name in FORWARDED | PASSED_ON}
    return RunSettings(forwarded, gateway, defaults)


def _with_paths(given: Mapping[str, str]) -> dict[str, str]:
    """The settings with the files of `.env` relative to the desk's folder; those of the environment are unchanged."""
    in_file = {name: value for name, value in given.items() if name in FILES and os.environ.get(name) != value}
    paths = {
        name: str(path)
        for name, value in in_file.items()
        if value not in FILES[name] and (path := DESK_ROOT / expanded(Path(value))).is_file()
    }
    return {**given, **paths}


def _report_ignored(given: Mapping[str, str], passed_on: frozenset[str]) -> None:
    ignored = sorted(given.keys() - FORWARDED - GATEWAY - passed_on - REFUSED.keys())
    if ignored:
        shown = ", ".join(f"{name} ({OPTIONS[name]})" if name in OPTIONS else name for name in ignored)
        print(
            f"paperdesk: run ignores {shown}: it has its own sockets and folders, and takes the rest from options",
            file=sys.stderr,
        )
