"""Entry point of the gateway process, which serves the venue named on the command line or in the settings."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from common import logs
from common.process_main import EXIT_ELSEWHERE, run_process, wait_out_startsecs
from common.settings import load
from services.mt5 import simulated_process
from services.mt5.settings import Mt5Settings
from services.mt5.terminal import gateway_process

VENUES: Final[dict[str, Callable[[Mt5Settings], None]]] = {
    "simulated": simulated_process.serve_from_settings,
    "terminal": gateway_process.serve_from_settings,
}
"""The function that serves each venue, by the venue's name in `--venue` and in MT5_VENUE."""


def run() -> None:
    """Serve the venue of `--venue`; with `--venue setting`, that of MT5_VENUE."""
    parser = argparse.ArgumentParser(prog="python -m services.mt5", description=__doc__)
    parser.add_argument(
        "--venue",
        choices=(*VENUES, "setting"),
        default="simulated",
        help="the venue behind the gateway; `setting`: the venue of MT5_VENUE",
    )
    venue = parser.parse_args().venue
    settings = load(Mt5Settings)
    logs.configure("mt5", settings.log_level)
    if venue == "setting":
        venue = settings.mt5_venue
    if venue == "none":
        logs.get_logger().info(
            "no gateway on this host; MT5_VENUE=simulated starts one",
            requests=settings.gateway_url,
            ticks=settings.market_data_url,
        )
        wait_out_startsecs()
        raise SystemExit(EXIT_ELSEWHERE)
    VENUES[venue](settings)


if __name__ == "__main__":
    run_process(run)
