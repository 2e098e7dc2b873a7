"""A real notify process: start and end, acknowledgements, and a second process."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from common import heartbeat
from common.clock import wall_ns
from common.control_client import NotifyClient, RefusedError
from common.heartbeat import Phase
from common.project_root import PROJECT_ROOT
from common.sockets import Sockets
from orchestration.address_files import control_url, is_listening, notify_url
from orchestration.environment import desk_environment
from proto.codec import decode_control_request
from proto.control import StateCause, StatusQuery, TradingState
from proto.notify import AcknowledgeAlerts, AcknowledgeReply, AlertLine, AlertsQuery, AlertsReply, MessageState
from services.notify.store import FILE_NAME, open_notify, read_alerts
from services.portfolio.core.account.events import TradingStateChanged
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.watchdog.alert_log import FILE_NAME as ALERT_LOG
from tests.support.message_servers import Webhook, webhook
from tests.support.notify_processes import settings_of
from tests.support.short_folders import place
from tests.support.waits import receive, wait_for

RULE = '[[rules]]\nname = "grave"\nevents = ["*"]\nseverity = "WARNING"\ntargets = ["phone"]\ngroup_s = 0\n'
SECONDS = 30

__all__ = ["place"]


@contextmanager
def a_notify_process(data_dir: Path, runtime: Path, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run notify during the block, which begins when notify listens and follows the ledger."""
    environment = desk_environment(os.environ, settings, runtime=runtime, data_dir=data_dir)
    with (data_dir / "notify.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.notify"], env=environment, cwd=PROJECT_ROOT, stdout=log, stderr=log
        )

    def is_ready() -> bool:
        assert process.poll() is None, (data_dir / "notify.log").read_text()
        return is_listening(notify_url(runtime)) and (data_dir / FILE_NAME).exists() and followed(data_dir)

    try:
        wait_for(is_ready, "notify to follow the ledger", seconds=SECONDS)
        yield process
    finally:
        process.kill()
        process.wait(SECONDS)


@pytest.fixture
def server() -> Iterator[Webhook]:
    with webhook() as found:
        yield found


def halt(data_dir: Path, reason: str) -> None:
    ledger = Ledger(data_dir / LEDGER_FILE_NAME)
    book, state = ledger.load()
    cause = StateCause("PERSON", "person", reason)
    event = TradingStateChanged(
        state=TradingState.HALTED, reason=reason, by="person", time_ns=wall_ns(), causes=[cause]
    )
    book.apply(event)
    ledger.commit([event], book, state)
    ledger.close()


def followed(data_dir: Path) -> bool:
    """Whether notify has stored its first place in the ledger."""
    with closing(open_notify(data_dir)) as db:
        return bool(db.execute("SELECT 1 FROM kept WHERE name = 'ledger'").fetchall())


def phase_in(runtime: Path) -> Phase | None:
    record = heartbeat.read(runtime, "notify")
    return None if record is None else record.phase


def stored(data_dir: Path) -> list[AlertLine]:
    with closing(open_notify(data_dir)) as db:
        return read_alerts(db, AlertsQuery()).rows


def run_notify(data_dir: Path, runtime: Path, settings: dict[str, str]) -> tuple[int, str]:
    """Run a process that ends by itself: its exit code and its output."""
    environment = desk_environment(os.environ, settings, runtime=runtime, data_dir=data_dir)
    found = subprocess.run(
        [sys.executable, "-m", "services.notify"],
        env=environment,
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return found.returncode, found.stdout + found.stderr


def test_a_halt_arrives_and_is_acknowledged_over_the_socket(place: Path, tmp_path: Path, server: Webhook) -> None:
    with a_notify_process(tmp_path, place, settings_of(tmp_path, server, RULE)) as process:
        wait_for(lambda: phase_in(place) is Phase.RUNNING, "the first heartbeat", seconds=SECONDS)
        halt(tmp_path, "look at it")
        wait_for(lambda: server.titles, "the message", seconds=SECONDS)
        assert server.titles == ["VENUE UNKNOWN london: TRADING_STATE"]
        assert "trading is HALTED, by person: PERSON: look at it" in server.messages[0]
        with NotifyClient(notify_url(place)) as client:
            listed = client.request(AlertsQuery(open_only=True), AlertsReply, timeout_s=SECONDS)
            assert listed is not None
            assert [row.number for row in listed.rows] == [1]
            done = client.request(AcknowledgeAlerts(numbers=[1], person="anna"), AcknowledgeReply, timeout_s=SECONDS)
            assert done is not None
            assert done.rows[0].is_new
            with pytest.raises(RefusedError, match="there is no alert 9; nothing was acknowledged"):
                client.request(AcknowledgeAlerts(numbers=[1, 9]), AcknowledgeReply, timeout_s=SECONDS)
        assert stored(tmp_path)[0].acknowledged_by == "anna"
        process.terminate()
        assert process.wait(SECONDS) == 0
    assert phase_in(place) is Phase.ENDING


def test_a_stopped_process_waits_for_the_message_in_flight_and_a_killed_one_sends_it_again(
    place: Path, tmp_path: Path, server: Webhook
) -> None:
    server.behaviour = "hang"
    settings = settings_of(tmp_path, server, RULE)
    with a_notify_process(tmp_path, place, settings) as process:
        halt(tmp_path, "first")
        wait_for(lambda: server.titles, "the message", seconds=SECONDS)
        process.send_signal(signal.SIGKILL)
        process.wait(SECONDS)
    server.behaviour = "answer"
    with a_notify_process(tmp_path, place, settings):
        wait_for(lambda: len(server.titles) == 2, "the message again", seconds=SECONDS)
        wait_for(
            lambda: stored(tmp_path)[0].deliveries[0].state is MessageState.SENT, "it to be stored", seconds=SECONDS
        )
    assert server.messages[0] == server.messages[1]


def test_a_source_that_cannot_be_read_is_reported_to_portfolio(place: Path, tmp_path: Path, server: Webhook) -> None:
    (tmp_path / ALERT_LOG).write_bytes(b"no database" * 100)
    with closing(Sockets()) as sockets:
        control = sockets.router(control_url(place), setting="CONTROL_URL")

        def reported() -> str:
            query = decode_control_request(receive(control)[-1])
            assert isinstance(query, StatusQuery)
            return query.notify_problem or ""

        with a_notify_process(tmp_path, place, settings_of(tmp_path, server, RULE)):
            assert str(tmp_path / ALERT_LOG) in wait_for(reported, "the problem", seconds=SECONDS)


def test_a_second_process_is_refused(place: Path, tmp_path: Path, server: Webhook) -> None:
    settings = settings_of(tmp_path, server, RULE)
    with a_notify_process(tmp_path, place, settings):
        code, output = run_notify(tmp_path, place, settings)
    assert code == 2
    assert "notify.db" in output


def test_without_a_file_the_process_says_so_and_ends_as_elsewhere(place: Path, tmp_path: Path) -> None:
    code, output = run_notify(tmp_path, place, {})
    assert code == 3
    assert "NOTIFY_FILE is not set: this host sends no alerts to people" in output


def test_a_missing_secret_and_an_address_of_no_service_stop_the_process(
    place: Path, tmp_path: Path, server: Webhook
) -> None:
    settings = settings_of(tmp_path, server, RULE)
    code, output = run_notify(tmp_path, place, {"NOTIFY_FILE": settings["NOTIFY_FILE"]})
    assert code == 2
    assert "targets.phone: NOTIFY_URL_PHONE is not set" in output
    code, output = run_notify(tmp_path, place, settings | {"NOTIFY_URL_PHONE": "carrier-pigeon://SECRET"})
    assert code == 2
    assert "target phone: " in output
    assert "SECRET" not in output


def test_while_the_file_cannot_be_written_an_acknowledgement_is_refused_or_answered_when_it_is_stored(
    tmp_path: Path, place: Path, server: Webhook
) -> None:
    """Files are limited to the size of the write-ahead log, so that each write to it fails as on a full disk."""
    with a_notify_process(tmp_path, place, settings_of(tmp_path, server, RULE)) as process:
        halt(tmp_path, "check 1")
        with NotifyClient(notify_url(place)) as client:

            def found(query: AlertsQuery) -> list[AlertLine]:
                reply = client.request(query, AlertsReply, timeout_s=SECONDS)
                assert reply is not None
                return reply.rows

            wait_for(lambda: found(AlertsQuery(open_only=True)), "the alert", seconds=SECONDS)
            size = (tmp_path / f"{FILE_NAME}-wal").stat().st_size
            limits = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            command = AcknowledgeAlerts(numbers=[1], person="anna")
            assert client.request(command, AcknowledgeReply, timeout_s=2) is None, "it is not stored, so no answer"
            with pytest.raises(RefusedError, match=r"nothing was acknowledged, because notify\.db cannot be written"):
                client.request(command, AcknowledgeReply, timeout_s=SECONDS)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)
            wait_for(lambda: not found(AlertsQuery(open_only=True)), "the acknowledgement", seconds=SECONDS)
