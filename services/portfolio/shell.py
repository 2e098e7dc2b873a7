"""Carries messages between the sockets, the portfolio core and the ledger.

Each wake-up of the loop is a turn. In a turn the core handles every waiting message. Then the shell commits all
resulting events together, and sends calls and replies after the commit. While the ledger is not writable, the
shell keeps the events and retries the commit until it succeeds. Until then it sends no call or reply that depends on
the events, and the core makes no new order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from common import clock
from common.dead_letters import drop_malformed
from common.event_loop import EventLoop
from common.fault_injection import crash_point
from common.heartbeat import Heartbeat, Progress
from common.logs import get_logger
from common.message_tap import offer_tap
from common.parent_death import is_supervised
from common.sockets import LOOK_EVERY_MS, Sockets, send
from proto.codec import (
    MalformedMessageError,
    decode_control_request,
    decode_report_message,
    decode_signal_message,
    decode_tick_message,
    encode,
)
from proto.control import (
    ControlError,
    ControlReply,
    DeskState,
    OrderCommandReply,
    ReconcileCommand,
    ReconcileReply,
    RiskResetReply,
    StatusQuery,
    ViewQuery,
)
from proto.messages import Call, LedgerCommit, SignalHello
from proto.routes import HEARTBEAT_TOPIC, tick_topic
from proto.time import Now
from services.portfolio import metrics
from services.portfolio.condition_log import ConditionLog
from services.portfolio.core.portfolio import Output, Portfolio
from services.portfolio.core.queries.conditions import conditions_of
from services.portfolio.core.queries.status import status_of
from services.portfolio.core.state.portfolio_state import needs_commit
from services.portfolio.ledger.audit import Audit
from services.portfolio.ledger.clock_guard import ClockGuard
from services.portfolio.ledger.ledger import Ledger
from services.portfolio.ledger.ledger_writer import LedgerWriter
from services.portfolio.ledger.lost_ledger import note_ledger
from services.portfolio.query_handler import answer_query
from services.portfolio.settings import PortfolioSettings

_log = get_logger()


ROUND_TRIP_EVERY_MS: Final = 100
ROUND_TRIP_BATCH_DEALS: Final = 200
"""Deals that one step of the round-trip calculation processes.

A step takes about 6 ms and begins every 100 ms, so 100,000 old deals take about a minute.
"""

LINGER_MS_MAX: Final = 3_000
"""Longest time that a stopping live desk waits for market orders in flight."""

REPLIES_MAX: Final = 100
"""Largest number of commands that wait for a writable ledger; also the largest number of waiting reconciliations.

Further commands and reconciliations are refused.
"""


class PortfolioShell:
    """The sockets, the core and the ledger of one portfolio process."""

    def __init__(
        self,
        settings: PortfolioSettings,
        portfolio: Portfolio,
        ledger: Ledger,
        sockets: Sockets,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        """Bind and connect the sockets; nothing is sent before `run`."""
        self._portfolio = portfolio
        self._ledger_writer = LedgerWriter(ledger, portfolio.state)
        self._ledger_path = ledger.path
        self._note_ledger = partial(note_ledger, ledger, settings.paperdesk_runtime_dir)
        self._is_noted = False
        self._audit: Audit | None = None
        self._calls: list[Call] = []
        self._reconcile_envelopes: list[list[bytes]] = []
        self._replies: list[tuple[list[bytes], ControlReply]] = []
        """Replies to send after the commit of the turn, with the envelopes of their receivers."""
        self._logged_state: DeskState | None = None
        self._condition_log = ConditionLog()
        self._sockets = sockets
        self._market_url = settings.market_data_url
        self._topics: frozenset[bytes] = frozenset()
        self._is_watching = False
        self._clock_guard = ClockGuard(ledger)
        self._has_notify = settings.notify_file is not None
        self._commands = sockets.push(settings.command_url, setting="COMMAND_URL")
        self._control = sockets.router(settings.control_url, setting="CONTROL_URL")
        self._events = sockets.pub(settings.events_url, keeps_latest=True, setting="EVENTS_URL")
        self._announced = ledger.event_count, 0
        self._loop = EventLoop("portfolio")
        self._loop.set_heartbeat(heartbeat, self._progress)
        self._loop.add_socket(sockets.pull(settings.signal_url, setting="SIGNAL_URL"), self._on_signal)
        self._loop.add_socket(sockets.pull(settings.report_url, setting="REPORT_URL"), self._on_report)
        self._loop.add_socket(self._control, self._on_control)
        if watched := portfolio.state.config.watched:
            self._listen([tick_topic(symbol) for symbol in watched])
        self._loop.after_work(self._check_clock)
        self._loop.drive(portfolio, self._perform, self._now)
        self._loop.after_work(self._end_turn)
        self._loop.add_timer(self._ledger_writer.next_retry_mono_ns, self._retry)
        self._loop.every(1_000, self._every_second)
        self._loop.every(LOOK_EVERY_MS, sockets.require_in_place)
        offer_tap(self._loop, sockets, settings.paperdesk_runtime_dir)
        self._loop.drain_before_stop(portfolio.drain, LINGER_MS_MAX)
        self._loop.every(ROUND_TRIP_EVERY_MS, self._process_deals)

    def run(self) -> None:
        """Serve until stopped; on return every decision is durable, unless the ledger is not writable."""
        self._clock_guard.record()
        if is_supervised():
            self._portfolio.state.warnings.watchdog.expect(clock.mono_ns())
            if self._has_notify:
                self._portfolio.state.warnings.notify.expect(clock.mono_ns())
        self._perform(self._portfolio.start(self._now()))
        self._end_turn()
        self._ledger_writer.sign()
        self._audit = self._ledger_writer.start_audit()
        try:
            self._loop.run()
        finally:
            if self._audit is not None:
                self._audit.stop()
        if self._ledger_writer.is_retrying:
            self._ledger_writer.retry_commit()
        self._commit()
        self._ledger_writer.sign()

    def _progress(self) -> Progress:
        """Return the number of processed ticks, and whether signals wait although nothing prevents their decision.

        The second is True if signals are queued while the desk is running, no request to the gateway is in flight and
        the window is 0.
        """
        portfolio = self._portfolio
        is_idle = (
            portfolio.state.stream.desk_state is DeskState.RUNNING
            and not portfolio.state.stream.window
            and not portfolio.in_flight
        )
        return Progress(portfolio.state.stream.cursor.processed, is_idle and portfolio.queued_signals > 0)

    def _on_signal(self, frames: list[bytes]) -> None:
        try:
            message = decode_signal_message(frames[0] if len(frames) == 1 else b"")
        except MalformedMessageError as error:
            self._drop("signal", frames, error)
            return
        now = self._now()
        if isinstance(message, SignalHello):
            metrics.record_signal_hello(message.publisher, now.mono_ns)
        self._perform(self._portfolio.handle(message, now))

    def _on_report(self, frames: list[bytes]) -> None:
        try:
            message = decode_report_message(frames[0] if len(frames) == 1 else b"")
        except MalformedMessageError as error:
            self._drop("report", frames, error)
            return
        self._perform(self._portfolio.handle(message, self._now()))

    def _on_control(self, frames: list[bytes]) -> None:
        *envelope, payload = frames
        try:
            request = decode_control_request(payload)
        except MalformedMessageError as error:
            self._drop("control", frames, error)
            send(self._control, [*envelope, encode(ControlError(error=str(error)[:500]))])
            return
        if isinstance(request, ViewQuery):
            reply = answer_query(self._portfolio.state, request, self._ledger_path, clock.mono_ns())
            send(self._control, [*envelope, encode(reply)])
            return
        match request:
            case StatusQuery():
                if request.alert_problem is not None:
                    problems = request.alert_problem, request.supervisor_problem or ""
                    self._portfolio.state.warnings.watchdog.on_question(*problems, clock.mono_ns())
                if request.notify_problem is not None:
                    self._portfolio.state.warnings.notify.on_question(request.notify_problem, clock.mono_ns())
                send(self._control, [*envelope, encode(status_of(self._portfolio.state, clock.mono_ns()))])
            case ReconcileCommand() if len(self._reconcile_envelopes) >= REPLIES_MAX:
                send(
                    self._control,
                    [
                        *envelope,
                        encode(ControlError(error="too many reconciliation requests are waiting; try again later")),
                    ],
                )
            case ReconcileCommand():
                self._reconcile_envelopes.append(envelope)
                self._perform(self._portfolio.handle(request, self._now()))
            case _ if len(self._replies) >= REPLIES_MAX:
                send(
                    self._control,
                    [*envelope, encode(ControlError(error="the ledger is not writable; try again later"))],
                )
            case _:
                *calls, answer = self._portfolio.handle(request, self._now())
                assert not isinstance(answer, Call), answer
                self._perform(calls)
                self._replies.append((envelope, answer))

    def _answer(self, envelope: list[bytes], reply: ControlReply) -> None:
        """Send the reply to a committed command. Log resets of risk rules and orders exempted from them."""
        match reply:
            case RiskResetReply(repeated=False):
                _log.warning(
                    "a person has reset a risk rule",
                    rule=reply.rule,
                    symbol=reply.symbol,
                    person=reply.person,
                    reason=reply.reason,
                    before=reply.before,
                    after=reply.after,
                )
            case OrderCommandReply(past_rules=[_, *_]):
                _log.warning(
                    "a person has exempted an order from risk rules",
                    orders=reply.order_ids,
                    past_rules=reply.past_rules,
                )
            case _:
                pass
        send(self._control, [*envelope, encode(reply)])

    def _perform(self, outputs: Sequence[Output]) -> None:
        """Keep the core's outputs until the turn is committed."""
        for output in outputs:
            if isinstance(output, Call):
                self._calls.append(output)
            else:
                assert isinstance(output, ReconcileReply), output
                self._replies += [(envelope, output) for envelope in self._reconcile_envelopes]
                self._reconcile_envelopes.clear()

    def _check_clock(self) -> None:
        portfolio = self._portfolio
        if self._clock_guard.has_found and portfolio.state.stream.is_live:
            portfolio.state.stream.begin_turn(self._now())
            portfolio.state.account.on_clock_step(*self._clock_guard.take())

    def _end_turn(self) -> None:
        portfolio = self._portfolio
        if not self._commit():
            self._calls.clear()  # the core repeats unanswered calls
            return
        ordinal = portfolio.state.stream.cursor.ordinal
        if self._calls:
            calls, self._calls = self._calls, []
            crash_point("portfolio.before_send", ordinal)
            for call in calls:
                send(self._commands, [encode(call)])
            crash_point("portfolio.after_send", ordinal)
            portfolio.state.latencies.on_sent(clock.mono_ns())
        replies, self._replies = self._replies, []
        for envelope, reply in replies:
            self._answer(envelope, reply)
        self._announce_commit()

    def _announce_commit(self) -> None:
        """Publish the number of the ledger's last event if an event or an equity point was stored."""
        stored = self._ledger_writer.event_count, self._ledger_writer.equity_points
        if stored != self._announced:
            self._announced = stored
            send(self._events, [encode(LedgerCommit(stored[0]))])

    def _commit(self) -> bool:
        """Commit the turn's events; False while the ledger is not writable."""
        state = self._portfolio.state
        if not needs_commit(state) and not self._ledger_writer.is_retrying:
            return True
        crash_point("portfolio.before_commit", state.stream.cursor.ordinal)
        if not self._ledger_writer.commit():
            return False
        self._note_once()
        state.latencies.on_durable(clock.mono_ns())
        crash_point("portfolio.after_commit", state.stream.cursor.ordinal)
        return True

    def _note_once(self) -> None:
        """Record in the runtime directory that a ledger exists, before anything that depends on it is sent."""
        self._is_noted = self._is_noted or self._note_ledger()

    def _retry(self) -> None:
        if self._ledger_writer.retry_commit():
            self._note_once()

    def _every_second(self) -> None:
        state = self._portfolio.state
        self._ledger_writer.require_file()
        self._ledger_writer.sign_if_due()
        self._note_once()
        self._clock_guard.look()
        if not needs_commit(state) and not self._ledger_writer.is_retrying:
            self._clock_guard.record()
        metrics.update(self._portfolio, clock.mono_ns(), uncommitted=self._ledger_writer.uncommitted)
        if self._audit is not None and (finding := self._audit.result()) is not None:
            self._audit = None
            self._ledger_writer.apply_audit(finding)
        if state.stream.is_live and not self._is_watching:
            self._watch_market()
        if state.stream.desk_state is not self._logged_state:
            self._logged_state = state.stream.desk_state
            _log.info(f"the desk is {state.stream.desk_state}", ordinal=state.stream.cursor.ordinal)
        self._condition_log.update(conditions_of(state, clock.mono_ns()))

    def _process_deals(self) -> None:
        self._portfolio.state.account.round_trips.process_deals(ROUND_TRIP_BATCH_DEALS)

    def _watch_market(self) -> None:
        """Subscribe to the ticks and heartbeats of a live market, which contain the venue time."""
        self._is_watching = True
        self._listen([HEARTBEAT_TOPIC, *map(tick_topic, self._portfolio.state.config.symbols)])

    def _listen(self, topics: list[bytes]) -> None:
        self._topics |= frozenset(topics)
        self._loop.add_socket(
            self._sockets.sub(self._market_url, topics, setting="ZMQ_MARKET_DATA_URL"), self._on_market
        )

    def _on_market(self, frames: list[bytes]) -> None:
        if len(frames) != 2:
            self._drop("market", frames, f"{len(frames)} frames, expected a topic and a message")
            return
        topic, payload = frames
        if topic not in self._topics:
            return  # ZeroMQ compares prefixes: the topic of another symbol may begin with a subscribed topic
        try:
            message = decode_tick_message(payload)
        except MalformedMessageError as error:
            self._drop("market", frames, error)
            return
        self._perform(self._portfolio.handle(message, self._now()))

    def _drop(self, socket: str, frames: list[bytes], error: object) -> None:
        self._portfolio.state.stream.count_malformed()
        drop_malformed(socket, frames, error, counter=metrics.MALFORMED)

    def _now(self) -> Now:
        mono_ns = clock.mono_ns()
        return Now(self._portfolio.state.stream.domain_ns(mono_ns), mono_ns)
