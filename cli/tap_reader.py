"""Readers of tapped messages: from the processes of a running desk, from a PUB socket, and from a file.

A desk's processes copy their messages while this process has a request in the desk's runtime folder
(`common/message_tap.py`). The copies of several processes are put into the order of their times.
"""

from __future__ import annotations

import base64
import heapq
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec
import zmq

from common.clock import mono_ns, wall_ns
from common.errors import StartError
from common.message_tap import (
    ALIVE,
    RECEIVED,
    REQUEST_SUFFIX,
    SOCKET_SUFFIX,
    TAP_FOLDER,
    TapHead,
    decode_head,
    is_reading,
)
from common.process_identity import process_identity
from common.sockets import Sockets
from proto.codec import MalformedMessageError, decode_tick_message
from proto.messages import Tick
from proto.time import MS_NS, SECOND_NS

PROCESSES: Final = ("mt5", "signal", "portfolio", "execution")
"""The processes that copy their messages."""

ORDER_NS: Final = 100 * MS_NS
"""Time for which a copy waits for earlier ones of other processes."""

POLL_MS: Final = 50
SILENT_NS: Final = 3 * SECOND_NS
"""Time without a sign of a tap after which its process counts as silent; it gives one each second."""

FILE_FORMAT: Final = "paperdesk-tap-1"


class Copy(NamedTuple):
    """A tapped message: its first frame, and the frames of the message."""

    head: TapHead
    frames: list[bytes]


@dataclass
class TapCounts:
    """What is known of the taps: copies that were lost between process and reader, and when each process was heard."""

    lost: int = 0
    started_ns: int = field(default_factory=mono_ns)
    heard_ns: dict[str, int] = field(default_factory=dict)
    _next: dict[tuple[str, int], int] = field(default_factory=dict)

    def count(self, head: TapHead) -> None:
        """Count the copies that are missing before this one; those before the first one are not known."""
        self.heard_ns[head.process] = mono_ns()
        tap = head.process, head.pid
        expected = self._next.get(tap)
        sequence = head.sequence if head.direction != ALIVE else head.sequence + 1
        if expected is not None and sequence > expected:
            self.lost += sequence - expected
        self._next[tap] = sequence + (head.direction != ALIVE)

    def silent(self, now_ns: int) -> list[str]:
        """The processes of a desk that have given no sign for SILENT_NS."""
        return [name for name in PROCESSES if now_ns - self.heard_ns.get(name, self.started_ns) >= SILENT_NS]


class DeskTap:
    """The messages of a running desk's processes, in the order of their times."""

    def __init__(self, runtime: Path) -> None:
        """Ask the processes for copies; they begin within a second.

        Raises:
            StartError: the runtime folder does not exist or belongs to another user.
        """
        self.counts = TapCounts()
        self._folder = runtime / TAP_FOLDER
        self._request = self._folder / f"{os.getpid()}{REQUEST_SUFFIX}"
        self._waiting: list[tuple[int, int, Copy]] = []
        self._number = 0
        if not runtime.is_dir():
            raise StartError(f"no desk runs in {runtime}, expected a running desk")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            for old in self._folder.glob(f"*{REQUEST_SUFFIX}"):
                if not is_reading(old):
                    old.unlink(missing_ok=True)
            self._request.write_text(process_identity(os.getpid()), encoding="utf-8")
        except OSError as error:
            raise StartError(
                f"{self._folder} cannot be written: {error.strerror}; expected the user who runs the desk"
            ) from None
        self._sockets = Sockets()
        self._taps = [self._sockets.sub(f"ipc://{self._folder / name}{SOCKET_SUFFIX}", [b""]) for name in PROCESSES]
        self._poller = zmq.Poller()
        for socket in self._taps:
            self._poller.register(socket, zmq.POLLIN)

    def __enter__(self) -> Self:
        """Return the tap."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Withdraw the request; the processes stop copying within a second."""
        self._request.unlink(missing_ok=True)
        self._sockets.close()

    def read(self) -> list[Copy]:
        """The copies that are due, after a wait of at most POLL_MS."""
        for socket, _ in self._poller.poll(POLL_MS):
            while socket.poll(0):
                self._take(socket.recv_multipart())
        return self._due(mono_ns() - ORDER_NS)

    def rest(self) -> list[Copy]:
        """The copies that still wait for earlier ones."""
        return self._due(mono_ns())

    def _take(self, frames: list[bytes]) -> None:
        try:
            head = decode_head(frames[0])
        except msgspec.DecodeError:
            return  # another program publishes there
        self.counts.count(head)
        if head.direction != ALIVE:
            self._number += 1
            heapq.heappush(self._waiting, (head.mono_ns, self._number, Copy(head, frames[1:])))

    def _due(self, until_ns: int) -> list[Copy]:
        due = []
        while self._waiting and self._waiting[0][0] <= until_ns:
            due.append(heapq.heappop(self._waiting)[2])
        return due


class SocketTap:
    """The messages of one PUB socket, such as the ticks of a gateway on another host."""

    def __init__(self, url: str) -> None:
        """Subscribe to everything.

        Raises:
            StartError: the address is invalid.
        """
        self.counts = TapCounts()
        self._sockets = Sockets()
        self._socket = self._sockets.sub(url, [b""])
        self._number = 0
        self._ordinals: dict[str, int] = {}

    def __enter__(self) -> Self:
        """Return the tap."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the socket."""
        self._sockets.close()

    def read(self) -> list[Copy]:
        """The messages that have arrived, after a wait of at most POLL_MS."""
        found = []
        wait_ms = POLL_MS
        while self._socket.poll(wait_ms):
            wait_ms = 0
            frames = self._socket.recv_multipart()
            self._number += 1
            route = "ticks" if len(frames) == 2 else "events"
            head = TapHead(self._number, wall_ns(), mono_ns(), os.getpid(), "tap", RECEIVED, route)
            found.append(Copy(head, frames))
            self._count_missing(frames[-1])
        return found

    def _count_missing(self, payload: bytes) -> None:
        """Count the ticks of a stream that are missing before this one; other messages have no number."""
        try:
            tick = decode_tick_message(payload)
        except MalformedMessageError:
            return
        before = self._ordinals.get(tick.stream_id)
        expected = tick.ordinal if isinstance(tick, Tick) else tick.ordinal + 1
        if before is not None:
            self.counts.lost += max(0, expected - before - 1)
        self._ordinals[tick.stream_id] = max(tick.ordinal, before or 0)

    def rest(self) -> list[Copy]:
        """Nothing: no message waits."""
        return []


class TapFile:
    """A file to which copies are saved: a line of JSON each, with the frames in base64."""

    def __init__(self, path: Path, *, is_replaced: bool) -> None:
        """Make the file.

        Raises:
            StartError: the file exists and is not to be replaced, or cannot be written.
        """
        try:
            self._file = path.open("w" if is_replaced else "x", encoding="utf-8")
        except FileExistsError:
            raise StartError(f"{path} exists, expected a new file, or --force to replace it") from None
        except OSError as error:
            raise StartError(f"{path} cannot be written: {error.strerror}; expected a writable folder") from None
        self._write({"format": FILE_FORMAT})

    def save(self, copy: Copy) -> None:
        """Append a copy."""
        head = {name: getattr(copy.head, name) for name in TapHead.__struct_fields__}
        self._write({**head, "frames": [base64.b64encode(frame).decode() for frame in copy.frames]})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, fields: dict[str, Any]) -> None:
        self._file.write(json.dumps(fields) + "\n")
        self._file.flush()


def read_file(path: Path) -> Iterator[Copy]:
    """The copies in a file of TapFile, in its order.

    Raises:
        StartError: the file cannot be read or is no such file; an unfinished last line is one, too.
    """
    try:
        with path.open(encoding="utf-8") as file:
            lines = enumerate(file, start=1)
            first = next(lines, (1, ""))[1]
            if FILE_FORMAT not in first:
                raise StartError(
                    f"{path} is no file of `paperdesk tap --save`, expected {FILE_FORMAT} in its first line"
                )
            for number, line in lines:
                yield _copy(line, place=f"line {number} of {path}")
    except OSError as error:
        raise StartError(
            f"{path} cannot be read: {error.strerror}; expected a file of `paperdesk tap --save`"
        ) from None
    except UnicodeDecodeError:
        raise StartError(f"{path} is no text, expected a file of `paperdesk tap --save`") from None


def _copy(line: str, *, place: str) -> Copy:
    try:
        fields = json.loads(line)
        frames: Sequence[bytes] = [base64.b64decode(frame, validate=True) for frame in fields.pop("frames")]
        return Copy(msgspec.convert([fields[name] for name in TapHead.__struct_fields__], TapHead), list(frames))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StartError(f"{place} cannot be read ({error}), expected a message of `paperdesk tap --save`") from None
