"""Decoding of tapped messages: every route, malformed messages, filters, and the file of `--save`."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.tap_messages import TapMessage, decode_message
from cli.tap_reader import Copy, TapFile, read_file
from common.errors import StartError
from common.message_tap import TapHead
from proto.codec import encode, encode_json
from proto.control import HaltCommand
from proto.gateway import GetTicks
from proto.messages import Call, LedgerCommit, Tick

HEAD: Final = TapHead(7, 1_764_579_302_123_456_789, 5, 4_711, "portfolio", "received", "signals")
TICK: Final = Tick("mt5", "b", "s", "EURUSD", 1, 2, 1_700_000_000_000_000_000, 1.1, 1.2, 1.0, 3)


def decoded(route: str, *frames: bytes) -> TapMessage:
    return decode_message(msgspec.structs.replace(HEAD, route=route), list(frames))


def test_a_tick_has_its_kind_symbol_and_fields_on_one_line() -> None:
    message = decoded("ticks", b"tick.EURUSD", encode(TICK))
    assert (message.kinds, message.problem) == (("tick",), "")
    assert message.symbols == {"EURUSD"}
    assert message.line() == (
        "08:55:02.123456 portfolio received ticks      tick               symbol=EURUSD sequence=1 ordinal=2 "
        "time_ns=1700000000000000000 bid=1.1 ask=1.2 volume=1.0"
    )
    assert message.words == {"received", "ticks", "tick", "eurusd"}


def test_a_call_has_the_kind_and_the_symbol_of_the_request_inside_it() -> None:
    request = GetTicks(symbol="EURUSD", from_sequence=1, limit=10)
    message = decoded("commands", encode(Call(1, 2_000, 0, msgspec.Raw(encode(request)))))
    assert message.problem == ""
    assert message.kinds == ("call", "GET_TICKS")
    assert message.symbols == {"EURUSD"}


def test_requests_in_both_encodings_and_control_requests_are_decoded() -> None:
    request = GetTicks(symbol="EURUSD", from_sequence=1, limit=10)
    for payload in (encode(request), encode_json(request)):
        message = decoded("requests", b"peer", b"", payload)
        assert (message.kinds, message.problem) == (("GET_TICKS",), "")
    halt = decoded("control", b"peer", b"7", b"", encode(HaltCommand(reason="a look")))
    assert (halt.kinds, halt.problem) == (("HALT",), "")
    assert "reason='a look'" in halt.line()


def test_the_commit_of_the_ledger_is_decoded() -> None:
    message = decoded("events", encode(LedgerCommit(event=17)))
    assert (message.kinds, message.problem) == (("ledger_commit",), "")


@pytest.mark.parametrize(
    ("route", "frames", "problem"),
    [
        ("ticks", [encode(TICK)], "1 frames, expected a topic and a message"),
        ("signals", [b"a", b"b"], "2 frames, expected one"),
        ("requests", [b"peer", b"x"], "2 frames without an empty one before the last, expected one"),
        ("signals", [b"\x01"], "a int, expected a map with names"),
        ("signals", [b""], "Input data was truncated"),
        ("signals", [encode(TICK)], "Invalid value 'tick'"),
        ("ticks", [b"tick.EURUSD", encode(TICK)[:-3]], "Input data was truncated"),
        ("requests", [b"peer", b"", b'{"action": "NONSENSE"}'], "unknown action 'NONSENSE'"),
        ("requests", [b"peer", b"", b"\x80"], "no action, expected one of"),
        ("control", [b"peer", b"", b"\x80"], ""),
    ],
)
def test_a_malformed_message_is_shown_with_its_reason_and_first_bytes(
    route: str, frames: list[bytes], problem: str
) -> None:
    message = decoded(route, *frames)
    assert message.problem
    assert message.problem.startswith(problem)
    assert "MALFORMED" in message.line()
    assert "malformed" in message.words
    assert frames[-1][:8].hex() in message.line()


@given(
    st.sampled_from(["ticks", "signals", "strategies", "commands", "reports", "control", "events", "requests", "new"]),
    st.lists(st.one_of(st.binary(max_size=64), st.just(b""), st.just(encode(TICK))), max_size=4),
)
def test_any_frames_give_one_printable_line_and_json(route: str, frames: list[bytes]) -> None:
    message = decoded(route, *frames)
    assert len(message.line().splitlines()) == 1
    assert json.loads(json.dumps(message.as_fields(), default=str))["route"] == route


@given(st.text(max_size=40))
def test_a_text_on_the_wire_cannot_break_the_line(text: str) -> None:
    message = decoded("new", b"", msgspec.msgpack.encode({"type": text, "symbol": text, text: text}))
    assert len(message.line().splitlines()) == 1
    assert message.line().isprintable()


def test_a_saved_message_is_read_again(tmp_path: Path) -> None:
    copies = [
        Copy(msgspec.structs.replace(HEAD, sequence=number), [struct.pack("d", number), b"\x00\xff"])
        for number in range(3)
    ]
    file = TapFile(tmp_path / "a.jsonl", is_replaced=False)
    for copy in copies:
        file.save(copy)
    file.close()
    assert list(read_file(tmp_path / "a.jsonl")) == copies
    with pytest.raises(StartError, match=r"a\.jsonl exists, expected a new file, or --force"):
        TapFile(tmp_path / "a.jsonl", is_replaced=False)
    TapFile(tmp_path / "a.jsonl", is_replaced=True).close()
    assert list(read_file(tmp_path / "a.jsonl")) == []


def test_an_unfinished_last_line_is_named_after_the_messages_before_it(tmp_path: Path) -> None:
    file = TapFile(tmp_path / "a.jsonl", is_replaced=False)
    for _ in range(2):
        file.save(Copy(HEAD, [b"x"]))
    file.close()
    text = (tmp_path / "a.jsonl").read_text()
    (tmp_path / "a.jsonl").write_text(text[:-20])
    copies = read_file(tmp_path / "a.jsonl")
    assert next(copies) == Copy(HEAD, [b"x"])
    with pytest.raises(StartError, match=r"line 3 of .*a\.jsonl cannot be read"):
        next(copies)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"{}\n", b"a,b\n1,2\n"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(StartError, match=r"expected (paperdesk-tap-1|a file of)"):
        list(read_file(tmp_path / "other"))
    with pytest.raises(StartError, match="cannot be read: No such file"):
        list(read_file(tmp_path / "none"))
