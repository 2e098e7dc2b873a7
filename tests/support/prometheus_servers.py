"""Debian's Prometheus and Alertmanager with copies of the shipped configuration, and a receiver of their alerts."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml  # type: ignore[import-untyped]

from tests.support.alert_rules import ALERTMANAGER, PROMETHEUS, RULE_FILES, write_fast_rules
from tests.support.prometheus import Prometheus
from tests.support.shared_data import ROOT

_PROMETHEUS: Final = shutil.which("prometheus")
_ALERTMANAGER: Final = shutil.which("prometheus-alertmanager")
PROMETHEUS_MISSING: Final = _PROMETHEUS is None or shutil.which("promtool") is None
ALERTMANAGER_MISSING: Final = _ALERTMANAGER is None
INSTALL_PROMETHEUS: Final = "no prometheus here; Debian: apt-get install --no-install-recommends prometheus"
INSTALL_ALERTMANAGER: Final = (
    "no alertmanager here; Debian: apt-get install --no-install-recommends prometheus-alertmanager"
)
STOP_S: Final = 30.0


class PrometheusConfiguration:
    """A copy of the shipped configuration and rules, for desks on this host."""

    def __init__(self, folder: Path, *, port: int, alertmanager_port: int | None = None, divisor: int = 1) -> None:
        """Copy the rules.

        Args:
            folder: folder of the copies.
            port: port of Prometheus itself.
            alertmanager_port: port of Alertmanager; None for none.
            divisor: of the times in the rules; above 1, targets are scraped every second.
        """
        self.path = folder / "prometheus.yml"
        self.port = port
        self._alertmanager_port = alertmanager_port
        self.divisor = divisor
        rules = folder / "rules"
        rules.mkdir(parents=True)
        if divisor > 1:
            write_fast_rules(rules, divisor=divisor)
        else:
            for path in RULE_FILES:
                shutil.copy(path, rules)

    def write(self, desks: Mapping[str, Mapping[str, int]]) -> None:
        """Write the configuration; `desks` has the port of each process by desk."""
        shipped = _read(PROMETHEUS / "prometheus.yml")
        processes, itself = shipped["scrape_configs"]
        (other_targets,) = processes.pop("file_sd_configs")
        optional = ROOT / "deploy" / "compose" / Path(other_targets["files"][0]).parent.name
        found = [*processes["static_configs"], *(one for path in optional.iterdir() for one in _read(path))]
        processes["static_configs"] = [
            {
                "targets": [f"127.0.0.1:{ports[target['labels']['service']]}"],
                "labels": {**target["labels"], "desk": desk},
            }
            for desk, ports in desks.items()
            for target in found
            if target["labels"]["service"] in ports
        ]
        itself["static_configs"] = [{"targets": [f"127.0.0.1:{self.port}"]}]
        managers = [] if self._alertmanager_port is None else [f"127.0.0.1:{self._alertmanager_port}"]
        shipped["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": managers}]}]
        if self.divisor > 1:
            shipped["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        self.path.write_text(yaml.safe_dump(shipped), encoding="utf-8")


@contextmanager
def running_prometheus(configuration: PrometheusConfiguration) -> Iterator[Prometheus]:
    """A Prometheus that runs during the block."""
    assert _PROMETHEUS is not None
    folder = configuration.path.parent
    command = [
        _PROMETHEUS,
        f"--config.file={configuration.path}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{configuration.port}",
        # For some seconds after a reload, Prometheus knows no Alertmanager; alerts of that time are sent again later.
        f"--rules.alert.resend-delay={60_000 // configuration.divisor}ms",
    ]
    with _running(command, folder / "prometheus.log") as process:
        yield Prometheus(configuration.port, reload=lambda: process.send_signal(signal.SIGHUP))


class Alertmanager:
    """The HTTP interface of an Alertmanager."""

    def __init__(self, port: int) -> None:
        """Use the Alertmanager that listens on `port` of this host."""
        self._url = f"http://127.0.0.1:{port}/api/v2/alerts"

    def alerts(self) -> list[dict[str, Any]]:
        """Every alert that has not ended, muted ones included; empty while Alertmanager does not answer."""
        try:
            with urllib.request.urlopen(self._url, timeout=5) as answer:
                found: list[dict[str, Any]] = json.load(answer)
                return found
        except OSError:
            return []

    def has(self, alert: str, *, state: str = "", **labels: str) -> bool:
        """Whether an alert has these labels and, if given, this state: `active`, or `suppressed` by another alert."""
        expected = {"alertname": alert, **labels}.items()
        return any(expected <= one["labels"].items() and state in ("", one["status"]["state"]) for one in self.alerts())


@contextmanager
def running_alertmanager(folder: Path, *, port: int, receiver_url: str) -> Iterator[Alertmanager]:
    """An Alertmanager with the shipped configuration, but short waits, no quiet times and a webhook as its receiver."""
    assert _ALERTMANAGER is not None
    shipped = _read(ALERTMANAGER)
    shipped["receivers"] = [
        {"name": "webhook", "webhook_configs": [{"url": receiver_url, "send_resolved": True, "max_alerts": 0}]}
    ]
    for route in (shipped["route"], *shipped["route"]["routes"]):
        route |= {"receiver": "webhook", "group_wait": "0s", "group_interval": "1s"}
        route.pop("mute_time_intervals", None)
    configuration = folder / "alertmanager.yml"
    configuration.write_text(yaml.safe_dump(shipped), encoding="utf-8")
    command = [
        _ALERTMANAGER,
        f"--config.file={configuration}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with _running(command, folder / "alertmanager.log"):
        yield Alertmanager(port)


class ReceivedAlert(NamedTuple):
    """An alert that arrived at the webhook; `status` is `firing` or `resolved`."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]


class AlertReceiver:
    """A webhook that keeps what it receives, in the order of arrival."""

    def __init__(self, received: list[ReceivedAlert], port: int) -> None:
        self.received = received
        self.url = f"http://127.0.0.1:{port}/"

    def has(self, alert: str, *, status: str = "firing", since: int = 0, **labels: str) -> bool:
        """Whether an alert with these labels arrived, after the first `since` ones."""
        expected = {"alertname": alert, **labels}.items()
        return any(one.status == status and expected <= one.labels.items() for one in self.received[since:])

    def is_firing(self, alert: str, **labels: str) -> bool:
        """Whether the last message about an alert with these labels did not tell its end."""
        expected = {"alertname": alert, **labels}.items()
        last = {str(sorted(one.labels.items())): one for one in list(self.received) if expected <= one.labels.items()}
        return any(one.status == "firing" for one in last.values())


@contextmanager
def running_receiver() -> Iterator[AlertReceiver]:
    """A webhook that runs during the block."""
    received: list[ReceivedAlert] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.extend(ReceivedAlert(one["status"], one["labels"], one["annotations"]) for one in body["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield AlertReceiver(received, server.server_port)
        finally:
            server.shutdown()
            thread.join()


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=log.parent)
    try:
        yield process
        assert process.poll() is None, log.read_text()[-2000:]
    finally:
        process.terminate()
        process.wait(STOP_S)
