"""A portfolio core that a test controls: each call can be inspected, answered, lost or answered twice.

There is no socket, and the test advances the clock. `deliver` passes a message to the core, and `answer_all` answers
the core's calls with a gateway core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Raw, structs

from proto.codec import NIL, decode_request, encode
from proto.control import DeskCommand, DeskState, ReconcileCommand, ReconcileReply
from proto.gateway import ErrorCode, ErrorReply, Ping, Reply, Request
from proto.messages import Answer, Call, CallOutcome, CourierHello, MarketHeartbeat, Signal, SignalHello, Tick
from proto.time import Now
from proto.trading.enums import AccountMode
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.tick_publisher import Pace
from services.portfolio.core.account.book import Book
from services.portfolio.core.decision.commands import CommandReply
from services.portfolio.core.portfolio import Output, Portfolio
from services.portfolio.core.state.config import DeskConfig
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.portfolio_state import compose_state
from tests.support.builders import START_NS, STREAM_ID, a_gateway, a_stream, some_rules

RISING: Final = [(1.1 + n / 1_000, 1.1001 + n / 1_000) for n in range(40)]
"""Quotes of EURUSD that rise by ten pips a tick."""


class DeskHarness:
    """A portfolio core and a gateway core, between which the test passes the messages."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        rules: DeskConfig | None = None,
        book: Book | None = None,
        persisted: PersistedState | None = None,
        boot_id: str = "",
        incarnation: str = "live",
    ) -> None:
        self.gateway = gateway
        self.state = compose_state(
            config=rules or some_rules(),
            book=book or Book(),
            persisted=persisted or PersistedState(),
            incarnation=incarnation,
            boot_id=boot_id,
        )
        self.portfolio = Portfolio(self.state, timeout_ms=1_000)
        self.requests: list[Request] = []
        self.comparisons: list[ReconcileReply] = []
        """Replies to the operator's RECONCILE commands."""
        self._unsent: list[Call] = []
        self.mono_ns = 1_000_000_000

    @property
    def now(self) -> Now:
        return Now(START_NS + self.mono_ns, self.mono_ns)

    def start(self) -> list[Call]:
        """Start the portfolio core."""
        return self._seen(self.portfolio.start(self.now))

    def deliver(self, message: Signal | SignalHello | Answer | CourierHello) -> list[Call]:
        """Pass one message to the portfolio core."""
        return self._seen(self.portfolio.handle(message, self.now))

    def command(self, command: DeskCommand) -> CommandReply:
        """Run an operator's command; the next method that returns calls also returns the calls of the command."""
        *calls, reply = self.portfolio.handle(command, self.now)
        self._unsent += [call for call in calls if isinstance(call, Call)]
        assert not isinstance(reply, Call | ReconcileReply)
        return reply

    def market(self, message: Tick | MarketHeartbeat) -> list[Call]:
        """Pass a tick or a market heartbeat to the core."""
        return self._seen(self.portfolio.handle(message, self.now))

    def compare(self) -> list[Call]:
        """Send an operator's RECONCILE command; its reply is added to `comparisons`."""
        return self._seen(self.portfolio.handle(ReconcileCommand(), self.now)) + self.pause()

    def pause(self) -> list[Call]:
        """Call `on_idle`, as the shell does when no more input is waiting."""
        return self._seen(self.portfolio.on_idle(self.now))

    def wait(self, ms: int) -> list[Call]:
        """Advance the clock and call `on_timer`."""
        self.mono_ns += ms * 1_000_000
        return self._seen(self.portfolio.on_timer(self.now))

    def hello(self, *symbols: str) -> list[Call]:
        """Pass the hello of a signal process to the core."""
        return self.deliver(SignalHello("signal", "boot", STREAM_ID, "test", list(symbols or ("EURUSD",)), 0, 0, []))

    def answer(self, call: Call, reply: Reply | None = None) -> list[Call]:
        """Answer one call with the given reply, or with the gateway core's reply if none is given."""
        if reply is None:
            [reply] = self.gateway.handle(request_of(call), self.now)
        return self.deliver(Answer(call.call_id, CallOutcome.REPLY, Raw(encode(reply))))

    def drop_reply(self, call: Call) -> list[Call]:
        """Let a call time out."""
        return self.deliver(Answer(call.call_id, CallOutcome.NO_ANSWER, NIL))

    def refuse(self, call: Call, code: ErrorCode) -> list[Call]:
        """Answer one call with an error reply of the gateway that has the code `code`."""
        [head] = self.gateway.handle(Ping(), self.now)
        error = ErrorReply(
            mode=head.mode,
            venue=head.venue,
            account=head.account,
            boot_id=head.boot_id,
            status="ERROR",
            error_code=code,
            error="for a test",
        )
        return self.answer(call, error)

    def pass_time_refusing(self, kind: type[Request], code: ErrorCode | None, *, seconds: float) -> None:
        """Advance the clock while the gateway refuses one kind of request, or does not answer it if `code` is None."""
        self._answer_refusing(self.pause(), kind, code)
        for _ in range(int(seconds * 4)):
            self.gateway.on_timer(self.now)
            self._answer_refusing(self.wait(250) + self.pause(), kind, code)

    def _answer_refusing(self, calls: list[Call], kind: type[Request], code: ErrorCode | None) -> None:
        while calls:
            following: list[Call] = []
            for call in calls:
                if not isinstance(request_of(call), kind):
                    following += self.answer(call)
                else:
                    following += self.drop_reply(call) if code is None else self.refuse(call, code)
            calls = following or self.pause()

    def answer_all(self, calls: list[Call]) -> None:
        """Answer these calls, and all calls that result from the answers.

        On a live desk, also call `on_idle` until it makes no more calls.
        """
        while calls:
            calls = [following for call in calls for following in self.answer(call)]
            if not calls and self.state.stream.is_live:
                calls = self.pause()

    def run_up(self) -> None:
        """Start the core, complete its reconciliation, pass a signal hello to it, and answer CONFIRM(0)."""
        self.answer_all(self.start())
        self.hello()
        self.answer_all(self.pause())

    def requests_of(self, kind: type[Request]) -> list[Request]:
        """All requests of one kind, in order."""
        return [request for request in self.requests if isinstance(request, kind)]

    def _seen(self, outputs: Sequence[Output]) -> list[Call]:
        calls = [*self._unsent, *(output for output in outputs if isinstance(output, Call))]
        self._unsent = []
        self.comparisons += [output for output in outputs if isinstance(output, ReconcileReply)]
        self.requests += [request_of(call) for call in calls]
        return calls


def a_live_desk(
    quotes: Sequence[tuple[float, float]] = RISING,
    *,
    faults: bool = False,
    account_mode: AccountMode = AccountMode.NETTING,
    incarnation: str = "live",
    **rules: Any,
) -> DeskHarness:
    """A live desk on a market that has published its first ticks.

    `rules` are fields of `DeskConfig`.
    """
    gateway = a_gateway(a_stream(*quotes), pace=Pace(0, 1.0), faults=faults, mode=account_mode)
    driven = DeskHarness(gateway, rules=structs.replace(some_rules(), **rules), incarnation=incarnation)
    driven.answer_all(driven.start())
    driven.gateway.on_timer(driven.now)
    assert driven.state.stream.desk_state is DeskState.RUNNING, driven.state.stream.waiting_for
    return driven


def request_of(call: Call) -> Request:
    """The decoded request of a call."""
    request, _ = decode_request(bytes(call.request))
    return request
