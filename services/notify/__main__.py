"""Entry point of the notify process."""

from __future__ import annotations

import os
from typing import Final

from common import logs
from common.clock import wall_ns
from common.heartbeat import Heartbeat
from common.logs import get_logger
from common.process_main import EXIT_ELSEWHERE, run_process, wait_out_startsecs
from common.settings import load
from common.sockets import Sockets
from services.notify.alert_log_source import VALUE as ALERT_LOG_VALUE
from services.notify.alert_log_source import AlertLogSource
from services.notify.core.notify_core import NotifyCore
from services.notify.delivery.dead_mans_switch import DeadMansSwitch
from services.notify.delivery.secrets import read_secret
from services.notify.delivery.sender import Sender
from services.notify.ledger_source import VALUE as LEDGER_VALUE
from services.notify.ledger_source import LedgerSource
from services.notify.metrics import METRICS, init_series
from services.notify.rules_file import errors_name, load_notify_file
from services.notify.settings import NotifySettings
from services.notify.shell import NotifyShell
from services.notify.store import DESK_ID, FILE_NAME, NotifyStore
from services.notify.targets import Preparation, PreparedTarget

NICE: Final = 10
"""Added to the priority number of the process: the trading processes get the processor first."""


def run() -> None:
    """Read the settings, compose the process and serve until stopped.

    Raises:
        StartError: a setting, the rules file or the address of a target is invalid.
    """
    settings = load(NotifySettings)
    logs.configure("notify", settings.log_level)
    if settings.notify_file is None:
        get_logger().info("NOTIFY_FILE is not set: this host sends no alerts to people")
        wait_out_startsecs()
        raise SystemExit(EXIT_ELSEWHERE)
    heartbeat = Heartbeat(settings.paperdesk_runtime_dir, "notify")
    file = load_notify_file(settings.notify_file, settings.quoted_symbols)
    targets = {}
    for name, secret in file.targets.items():
        with errors_name(settings.notify_file, f"targets.{name}"):
            targets[name] = PreparedTarget(name, read_secret(secret))
    switch = None
    if file.heartbeat is not None:
        with errors_name(settings.notify_file, "heartbeat"):
            switch = DeadMansSwitch(read_secret(file.heartbeat.secret), file.heartbeat.every_s)
    preparation = Preparation(targets.values())
    METRICS.serve(settings.metrics_port_notify, settings.metrics_host)
    init_series(targets)
    store = NotifyStore(settings.paperdesk_data_dir / FILE_NAME)
    sockets = Sockets()
    sender = Sender(targets)
    try:
        stored = store.load(wall_ns() - file.rules.rate_ns_max)
        data_dir, values = settings.paperdesk_data_dir, stored.values
        NotifyShell(
            settings,
            core=NotifyCore(file.rules, stored, desk_id=values[DESK_ID].decode()),
            store=store,
            ledger=LedgerSource(data_dir, values.get(LEDGER_VALUE)),
            alert_log=AlertLogSource(data_dir, values.get(ALERT_LOG_VALUE)),
            sender=sender,
            preparation=preparation,
            switch=switch,
            sockets=sockets,
            heartbeat=heartbeat,
            boot_id=os.urandom(2).hex(),
        ).run()
    finally:
        sender.close()
        sockets.close()
        store.close()


if __name__ == "__main__":
    os.nice(NICE)  # once: `run` is called again while another process has the address
    run_process(run)
