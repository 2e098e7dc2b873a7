"""The counts of latencies begin with the process."""

from __future__ import annotations

from proto.control import LatencyQuery
from proto.control.views import LatencyReply
from services.portfolio.core.queries.views import view_reply
from tests.support.builders import a_gateway, a_stream
from tests.support.desk_harness import DeskHarness


def test_the_start_sets_the_time_of_the_first_count() -> None:
    driven = DeskHarness(a_gateway(a_stream((1.1, 1.1001))))
    driven.mono_ns += 7
    driven.start()
    reply = view_reply(driven.state, LatencyQuery(), driven.mono_ns)
    assert isinstance(reply, LatencyReply)
    assert reply.since_mono_ns == driven.mono_ns > 0
