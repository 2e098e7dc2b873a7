"""Shell of notify: connects the core with its sources, its file, the targets and the control socket.

Each part of a source is one step of the core, whose changes are stored in one transaction before its messages are sent.
A target's answer arrives from a thread and is a step of its own, so that an accepted message is stored as sent at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Final

from common import clock
from common.dead_letters import drop_malformed
from common.errors import StartError
from common.event_loop import EventLoop
from common.heartbeat import Heartbeat
from common.logs import get_logger
from common.sockets import LOOK_EVERY_MS, Sockets, send
from proto.codec import MalformedMessageError, encode
from proto.control import ControlError, StatusQuery, StatusReply, headline
from proto.notify import AcknowledgeAlerts, AcknowledgeReply, AlertsQuery, MessageState, decode_notify_request
from proto.time import SECOND_NS, Now
from proto.trading.units import TEXT_CHARS_MAX
from services.notify import metrics
from services.notify.alert_log_source import AlertLogSource
from services.notify.core.inputs import (
    Acknowledge,
    Answer,
    Deliver,
    Delivered,
    Finished,
    Output,
    Raised,
    StatusSeen,
    Store,
)
from services.notify.core.notify_core import NotifyCore
from services.notify.delivery.dead_mans_switch import DeadMansSwitch
from services.notify.delivery.sender import OutgoingMessage, Sender
from services.notify.ledger_source import LedgerSource
from services.notify.sent_texts import SentTexts
from services.notify.settings import NotifySettings
from services.notify.status_source import StatusSource
from services.notify.store import NotifyStore
from services.notify.store_writer import StoreWriter
from services.notify.targets import Preparation

READ_MS: Final = 200
"""Shortest time between two reads of the ledger after notifications of portfolio."""

UNHINTED_NS: Final = SECOND_NS
"""Longest time between two reads of the ledger, because a notification may be lost; also of the alert log."""

LINGER_MS_MAX: Final = 3_000
"""Longest time that a stopping process waits for the answers to messages in flight, which it would send again."""

TRADING: Final = ("TRADING", "PARTLY TRADING")
"""Headlines with which the dead man's switch is called."""

_log = get_logger()


class NotifyShell:
    """The event loop of one notify process."""

    def __init__(
        self,
        settings: NotifySettings,
        *,
        core: NotifyCore,
        store: NotifyStore,
        ledger: LedgerSource,
        alert_log: AlertLogSource,
        sender: Sender,
        preparation: Preparation,
        switch: DeadMansSwitch | None,
        sockets: Sockets,
        heartbeat: Heartbeat | None = None,
        boot_id: str,
    ) -> None:
        """Bind and connect the sockets; nothing is sent before `run`."""
        self._core = core
        self._store = store
        self._writer = StoreWriter(store)
        self._ledger, self._alert_log = ledger, alert_log
        self._sender = sender
        self._preparation = preparation
        self._switch = switch
        self._texts = SentTexts(boot_id)
        self._status = StatusSource(settings.control_url)
        self._control = sockets.router(settings.notify_url, setting="NOTIFY_URL")
        self._envelopes: dict[int, list[bytes]] = {}
        self._refs = count(1)
        self._unstored: list[Answer] = []
        self._is_hinted = True
        self._is_ending = False
        self._read_mono_ns = 0
        self._loop = EventLoop("notify")
        self._loop.set_heartbeat(heartbeat)
        self._loop.add_socket(self._control, self._on_request)
        self._loop.add_socket(sockets.sub(settings.events_url, [b""], setting="EVENTS_URL"), self._on_hint)
        self._loop.add_reader(sender.fileno(), self._take_results)
        self._loop.add_reader(self._status.fileno(), self._take_status)
        self._loop.drive(core, self._perform, _now)
        self._loop.every(READ_MS, self._read_sources)
        self._loop.every(1_000, self._every_second)
        self._loop.every(LOOK_EVERY_MS, sockets.require_in_place)
        self._loop.drain_before_stop(self._is_sending, LINGER_MS_MAX)

    def run(self) -> None:
        """Serve until stopped."""
        self._perform(self._core.start(_now()))
        self._read_sources()
        self._status.start()
        if self._switch is not None:
            self._switch.start()
        _log.info("notify is ready", unfinished=len(self._core.outbox.messages), open_alerts=self._core.open_alerts)
        try:
            self._loop.run()
        finally:
            self._status.close()
            if self._switch is not None:
                self._switch.close()
            self._writer.retry()

    # ------------------------------------------------------------------------------------------------------------- in

    def _on_hint(self, _frames: list[bytes]) -> None:
        self._is_hinted = True

    def _read_sources(self) -> None:
        mono_ns = clock.mono_ns()
        if not self._is_hinted and mono_ns - self._read_mono_ns < UNHINTED_NS:
            return
        self._is_hinted, self._read_mono_ns = False, mono_ns
        for source in (self._ledger, self._alert_log):
            found = source.read(clock.wall_ns())
            if found is not None:
                self._perform(self._core.handle(found, _now()))
                self._is_hinted = True  # there may be more

    def _take_results(self) -> None:
        for result in self._sender.results():
            self._perform(self._core.handle(Delivered(result.number, result.error), _now()))

    def _take_status(self) -> None:
        for status in self._status.take():
            self._confirm_trading(status)
            self._perform(self._core.handle(StatusSeen(status), _now()))

    def _confirm_trading(self, status: StatusReply | None) -> None:
        if self._switch is None or status is None:
            return
        if headline(status.conditions, status.symbols) in TRADING:
            self._switch.confirm()

    def _on_request(self, frames: list[bytes]) -> None:
        *envelope, payload = frames
        try:
            request = decode_notify_request(payload)
        except MalformedMessageError as error:
            drop_malformed("notify", frames, error)
            self._answer(envelope, ControlError(error=str(error)[:500]))
            return
        try:
            match request:
                case AlertsQuery():
                    self._answer(envelope, self._store.read(request))
                case AcknowledgeAlerts() if problem := self._storage_problem():
                    text = f"nothing was acknowledged, because notify.db cannot be written: {problem}"
                    self._answer(envelope, ControlError(error=text[:500]))
                case AcknowledgeAlerts():
                    ref = next(self._refs)
                    self._envelopes[ref] = envelope
                    rows = self._store.alerts(request.numbers) if request.numbers else []
                    self._perform(self._core.handle(Acknowledge(ref=ref, request=request, rows=rows), _now()))
        except StartError as error:
            self._answer(envelope, ControlError(error=str(error)[:500]))

    # ------------------------------------------------------------------------------------------------------------ out

    def _perform(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            match output:
                case Store(changes=changes):
                    self._writer.save(changes)
                case Deliver() if self._is_ending:
                    pass  # the next start sends it
                case Deliver(message=message, severity=severity):
                    body = self._texts.body_of(message, self._writer.problem)
                    self._sender.send(OutgoingMessage(message.number, message.target, message.title, body, severity))
                case Raised(alert=alert):
                    metrics.ALERTS.inc(alert.code)
                    _log.info(
                        f"alert {alert.number}: {alert.code} {alert.subject}".strip(),
                        severity=alert.severity,
                        rules=alert.rules,
                        text=alert.text,
                    )
                case Finished(message=message):
                    self._texts.finish(message)
                    self._count(message.target, message.state)
                    if message.state is MessageState.SENT:
                        _log.info(f"message {message.number} sent to {message.target}", alerts=message.alerts)
                    elif message.state is MessageState.GIVEN_UP:
                        _log.error(
                            f"message {message.number} to {message.target} is given up",
                            tries=message.tries,
                            error=message.last_error,
                        )
                    else:
                        _log.warning(
                            f"message {message.number} was not accepted by {message.target}",
                            tries=message.tries,
                            error=message.last_error,
                        )
                case Answer(ref=ref, reply=reply):
                    if self._writer.problem and isinstance(reply, AcknowledgeReply):
                        self._unstored.append(Answer(ref, reply))  # the answer follows when it is stored
                    else:
                        self._answer(self._envelopes.pop(ref), reply)

    def _storage_problem(self) -> str:
        self._writer.retry()
        return self._writer.problem

    def _is_sending(self) -> bool:
        """Whether messages are in flight; called only when the process stops."""
        self._is_ending = True
        return any(map(self._sender.is_busy, self._core.outbox.targets))

    def _answer(self, envelope: list[bytes], reply: object) -> None:
        send(self._control, [*envelope, encode(reply)])  # type: ignore[arg-type]

    def _problem(self) -> str:
        """Why messages do not reach a target, are not stored, or lack a source of alerts; empty if all is well."""
        problems = [f"target {name}: {text}" for name, text in self._core.outbox.problems().items()]
        if self._switch is not None and self._switch.lasting_problem:
            problems.append(f"heartbeat: {self._switch.lasting_problem}")
        if self._writer.problem:
            problems.append(f"notify.db cannot be written: {self._writer.problem}")
        problems += [source.problem for source in (self._ledger, self._alert_log) if source.problem]
        return "; ".join(problems)[:TEXT_CHARS_MAX]

    def _count(self, target: str, state: MessageState) -> None:
        match state:
            case MessageState.SENT:
                metrics.SENT.inc(target)
            case MessageState.GIVEN_UP:
                metrics.FAILED.inc(target)
                metrics.GIVEN_UP.inc(target)
            case _:
                metrics.FAILED.inc(target)

    def _every_second(self) -> None:
        self._preparation.require_valid()
        if not self._storage_problem():
            answers, self._unstored = self._unstored, []
            self._perform(answers)
        self._take_results()
        self._status.query = StatusQuery(notify_problem=self._problem())
        outbox = self._core.outbox
        backlog = outbox.backlog(clock.wall_ns())
        metrics.update(
            waiting={target: waiting for target, (waiting, _) in backlog.items()},
            age_ns={target: age_ns for target, (_, age_ns) in backlog.items()},
            open_alerts=self._core.open_alerts,
            unstored=self._writer.waiting,
            calls={} if self._switch is None else {"ok": self._switch.succeeded, "failed": self._switch.failed},
        )


def _now() -> Now:
    return Now(clock.wall_ns(), clock.mono_ns())
