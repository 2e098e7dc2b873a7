"""Decoding of supervisord's events from a stream of bytes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.watchdog.core.supervisor_events import (
    HEADER_BYTES_MAX,
    EventProtocolError,
    SupervisorEvent,
    SupervisorEventParser,
)


def an_event(name: str, payload: str) -> bytes:
    """Return an event in the format of supervisord."""
    head = f"ver:3.0 server:supervisor serial:21 pool:watchdog poolserial:10 eventname:{name} len:{len(payload)}\n"
    return (head + payload).encode()


FATAL = an_event("PROCESS_STATE_FATAL", "processname:signal groupname:signal from_state:BACKOFF")
EXITED = an_event("PROCESS_STATE_EXITED", "processname:mt5 groupname:mt5 from_state:RUNNING expected:0 pid:2766")
LOGGED = an_event("PROCESS_LOG_STDOUT", "processname:mt5 groupname:mt5 pid:3\nline one\nline two\n")


@given(st.lists(st.integers(min_value=0, max_value=len(FATAL + EXITED + LOGGED))))
def test_events_do_not_depend_on_how_their_bytes_are_split(cuts: list[int]) -> None:
    stream = FATAL + EXITED + LOGGED
    parser = SupervisorEventParser()
    edges = sorted({0, len(stream), *cuts})
    events = [event for begin, end in pairwise(edges) for event in parser.feed(stream[begin:end])]
    assert events == [
        SupervisorEvent(
            "PROCESS_STATE_FATAL", {"processname": "signal", "groupname": "signal", "from_state": "BACKOFF"}
        ),
        SupervisorEvent(
            "PROCESS_STATE_EXITED",
            {"processname": "mt5", "groupname": "mt5", "from_state": "RUNNING", "expected": "0", "pid": "2766"},
        ),
        SupervisorEvent("PROCESS_LOG_STDOUT", {"processname": "mt5", "groupname": "mt5", "pid": "3"}),
    ]


@pytest.mark.parametrize(
    "bytes_", [b"hello\n", b"eventname:X len:-1\n", b"eventname:X len:99999999\n", b"len:3\nabc", b"x" * 5_000]
)
def test_bytes_that_are_not_an_event_are_refused(bytes_: bytes) -> None:
    with pytest.raises(EventProtocolError):
        SupervisorEventParser().feed(bytes_)


@given(st.binary(max_size=HEADER_BYTES_MAX * 2))
def test_arbitrary_bytes_give_events_or_an_error(data: bytes) -> None:
    try:
        SupervisorEventParser().feed(data)
    except EventProtocolError:
        return
