"""The sockets of the execution process.

The process sends the calls of portfolio to the gateway as requests, and the gateway's replies to portfolio as answers.
A malformed frame is counted and its beginning logged; it has no other effect. Reports are kept in order while portfolio
is disconnected. Beyond a limit the oldest reports are dropped, and portfolio later repeats the unanswered calls.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Final

from common.clock import mono_ns
from common.dead_letters import drop_malformed
from common.event_loop import EventLoop
from common.fault_injection import crash_point
from common.logs import get_logger
from common.message_tap import offer_tap
from common.sockets import LOOK_EVERY_MS, Sockets, send
from proto.codec import MalformedMessageError, decode_call, encode
from proto.messages import Answer, CallOutcome, CourierHello
from proto.time import Now
from services.execution import metrics
from services.execution.core.courier import (
    WAITING_CALLS_MAX,
    CallRefused,
    Courier,
    GatewayDown,
    GatewayReply,
    GatewayUp,
    MalformedReply,
    Output,
    SendFailed,
    SendToGateway,
)
from services.execution.settings import ExecutionSettings

REPORTS_KEPT_MAX: Final = 1_000
"""Largest number of reports kept while portfolio is disconnected. For lost reports portfolio repeats its calls."""

NOTES_MAX: Final = 1_000
"""Largest number of calls whose times are remembered to measure latencies.

It is above the sum of the default limits of calls in flight and waiting. Without the time of a call, its latency is not
measured.
"""

RETRY_REPORTS_MS: Final = 50
GAUGES_MS: Final = 1_000
_ID_BYTES: Final = 8

_log = get_logger()
_drop = partial(drop_malformed, counter=metrics.MALFORMED)


class ExecutionShell:
    """The sockets of a `Courier`."""

    def __init__(self, settings: ExecutionSettings, courier: Courier, sockets: Sockets, loop: EventLoop) -> None:
        """Open the sockets of `settings` in `sockets` and register them with `loop`; `run` serves them."""
        self._courier = courier
        self._loop = loop
        self._gateway_url = settings.gateway_url
        self._commands = sockets.pull(settings.command_url, setting="COMMAND_URL")
        self._reports = sockets.push(settings.report_url, setting="REPORT_URL")
        self._gateway = sockets.dealer(settings.gateway_url, setting="ZMQ_EXECUTION_URL")
        self._waiting_reports: deque[bytes] = deque()
        self._handled = 0
        self._has_answered = False
        self._ordered_mono_ns: dict[int, int] = {}
        self._sent_mono_ns: dict[int, int] = {}
        loop.add_socket(self._commands, self._on_command)
        loop.add_socket(self._gateway, self._on_reply)
        loop.drive(courier, self._perform, _now)
        loop.every(RETRY_REPORTS_MS, self._send_waiting_reports)
        loop.every(GAUGES_MS, self._update_gauges)
        loop.every(LOOK_EVERY_MS, sockets.require_in_place)
        offer_tap(loop, sockets, settings.paperdesk_runtime_dir)

    def run(self) -> None:
        """Serve until stopped."""
        _log.info("execution is ready", gateway=self._gateway_url)
        self._perform(self._courier.start(_now()))
        self._loop.run()

    def _on_command(self, frames: list[bytes]) -> None:
        try:
            call = decode_call(frames[0] if len(frames) == 1 else b"")
        except MalformedMessageError as error:
            _drop("command", frames, error)
            return
        self._handled += 1
        crash_point("execution.after_command", self._handled)
        metrics.CALLS.inc()
        if call.ordered_mono_ns and call.call_id not in self._sent_mono_ns:  # the time of a repetition is no latency
            _remember(self._ordered_mono_ns, call.call_id, call.ordered_mono_ns)
        self._perform(self._courier.handle(call, _now()))
        crash_point("execution.after_send", self._handled)

    def _on_reply(self, frames: list[bytes]) -> None:
        if len(frames) != 3 or len(frames[0]) != _ID_BYTES or frames[1]:
            _drop("gateway", frames, "expected a call id of 8 bytes, an empty frame and a reply")
            return
        crash_point("execution.after_reply", self._handled)
        reply = GatewayReply(int.from_bytes(frames[0], "big"), frames[2])
        self._perform(self._courier.handle(reply, _now()))
        crash_point("execution.after_report", self._handled)

    def _perform(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if isinstance(output, SendToGateway):
                if send(self._gateway, [output.call_id.to_bytes(_ID_BYTES, "big"), b"", output.request]):
                    self._time_request(output.call_id)
                else:
                    metrics.UNSENT.inc()
                    self._perform(self._courier.handle(SendFailed(output.call_id), _now()))
            elif isinstance(output, Answer):
                metrics.ANSWERS.inc(output.outcome)
                self._time_answer(output)
                self._report(encode(output))
            elif isinstance(output, CourierHello):
                self._report(encode(output))
            else:
                self._log_event(output)

    def _time_request(self, call_id: int) -> None:
        """Remember when a call was sent to the gateway, and observe the time since the decision for its order."""
        now_ns = mono_ns()
        _remember(self._sent_mono_ns, call_id, now_ns)
        if (ordered_ns := self._ordered_mono_ns.pop(call_id, 0)) > 0:
            metrics.ORDER_TO_GATEWAY.observe(now_ns - ordered_ns)

    def _time_answer(self, answer: Answer) -> None:
        """Forget the times of a call at its first answer, and observe the round trip of a reply."""
        sent_ns = self._sent_mono_ns.pop(answer.call_id, 0)
        self._ordered_mono_ns.pop(answer.call_id, None)
        if sent_ns and answer.outcome is CallOutcome.REPLY:
            metrics.ROUND_TRIP.observe(mono_ns() - sent_ns)

    def _report(self, report: bytes) -> None:
        if not self._waiting_reports and send(self._reports, [report]):
            return
        if len(self._waiting_reports) >= REPORTS_KEPT_MAX:
            self._waiting_reports.popleft()
            metrics.DROPPED_REPORTS.inc()
        self._waiting_reports.append(report)
        self._send_waiting_reports()

    def _send_waiting_reports(self) -> None:
        while self._waiting_reports and send(self._reports, [self._waiting_reports[0]]):
            self._waiting_reports.popleft()

    def _log_event(self, event: GatewayDown | GatewayUp | MalformedReply | CallRefused) -> None:
        match event:
            case GatewayDown():
                _log.warning("the gateway does not answer", gateway=self._gateway_url, silent=event.silent)
            case GatewayUp():
                event_text = "the gateway answers again" if self._has_answered else "the gateway answers"
                self._has_answered = True
                _log.info(event_text, gateway=self._gateway_url, boot_id=event.boot_id, boot_id_before=event.before)
            case MalformedReply():
                metrics.MALFORMED.inc("gateway")
                _log.warning("dropped malformed reply", call_id=event.call_id, error=event.why[:200])
            case CallRefused():
                metrics.REFUSED.inc()
                _log.warning(f"call {event.call_id} refused: {event.waiting} calls waiting, limit {WAITING_CALLS_MAX}")

    def _update_gauges(self) -> None:
        metrics.update(self._courier, waiting_reports=len(self._waiting_reports), mono_ns=mono_ns())


def _remember(notes: dict[int, int], call_id: int, at_ns: int) -> None:
    """Remember a time of a call; drop the oldest time at the limit, because a call may never be answered."""
    if len(notes) >= NOTES_MAX and call_id not in notes:
        del notes[next(iter(notes))]
    notes[call_id] = at_ns


def new_boot_id() -> str:
    """Return a random id for this start of the process."""
    return os.urandom(4).hex()


def _now() -> Now:
    # The domain time is 0 because the courier does not use the venue's time.
    return Now(0, mono_ns())
