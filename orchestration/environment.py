"""The environment of the processes of a private desk.

Settings of the shell or of a `.env` are not passed to the processes, so that only the command line determines the
result of a replay. Variables that are no settings of the desk (PATH, locale, test switches) are passed on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from common.project_root import DESK_ROOT, DESK_VARIABLE, ENV_FILE_VARIABLE, HAS_OWN_DESK
from common.settings import setting_names
from orchestration.address_files import control_url, gateway_url

PASSED_ON: Final = frozenset(
    {
        "LOG_LEVEL",
        "ALERT_COMMAND",
        "ALERT_TIMEOUT_MS",
        "WATCHDOG_HANG_MS",
        "WATCHDOG_STALL_MS",
        "WATCHDOG_START_MS",
    }
)
"""Settings of logs, alerts and the watchdog. They change no trades, so they are passed to the processes."""


def desk_environment(
    outside: Mapping[str, str],
    run: Mapping[str, str],
    *,
    runtime: Path,
    data_dir: Path,
    gateway: tuple[str, str] | None = None,
) -> dict[str, str]:
    """The complete environment of every process of a private desk.

    Args:
        outside: the environment of the command.
        run: the settings of the run.
        runtime: the desk's private folder; every socket is in it.
        data_dir: folder of ledger, journal, book and checkpoints.
        gateway: addresses for requests and for ticks of a gateway that another process runs; None for the desk's own.
    """
    settings = setting_names() - PASSED_ON
    passed = {name: value for name, value in outside.items() if name.upper() not in settings}
    if path := passed.get("PYTHONPATH"):
        # The processes run in another folder than the command.
        passed["PYTHONPATH"] = os.pathsep.join(str(Path(part).resolve()) for part in path.split(os.pathsep))
    requests, ticks = gateway or (gateway_url(runtime), f"ipc://{runtime}/ticks.ipc")
    return {
        **passed,
        **run,
        ENV_FILE_VARIABLE: "",
        **({DESK_VARIABLE: str(DESK_ROOT)} if HAS_OWN_DESK else {}),
        "MT5_VENUE": "simulated" if gateway is None else "none",
        "PAPERDESK_DATA_DIR": str(data_dir),
        "PAPERDESK_RUNTIME_DIR": str(runtime),
        "MT5_REQUEST_URL": requests,
        "MT5_PUBLISH_URL": ticks,
        "ZMQ_EXECUTION_URL": requests,
        "ZMQ_MARKET_DATA_URL": ticks,
        "CONTROL_URL": control_url(runtime),
    }
