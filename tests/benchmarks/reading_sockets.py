"""`python -m tests.benchmarks.reading_sockets URL COUNT`: WebSockets that read everything and answer each second.

One process has all sockets and leads a session. It has the lowest priority, because the readers of a real desk are on
other computers. The environment has the token. It prints a line when every socket has its first message. When its
standard input ends, it prints what was read as JSON and ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

TOKEN_VARIABLE: Final = "BENCHMARK_TOKEN"
ANSWER_S: Final = 1.0
READY: Final = "reading"
MESSAGE_BYTES_MAX: Final = 16_777_216
NICE: Final = 19
AUTOGROUP: Final = Path("/proc/self/autogroup")


class _Message(Struct):
    number: int


_decode = msgspec.json.Decoder(_Message).decode


class Readers:
    """The sockets, and the numbers of messages and bytes that they have read."""

    def __init__(self, url: str, token: str, count: int) -> None:
        """Prepare `count` sockets; `run` opens them."""
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._count = count
        self._waiting = count
        self.messages = 0
        self.bytes = 0
        self.closes: list[int] = []
        """Codes with which the server closed sockets."""

    async def run(self) -> None:
        """Read until canceled."""
        await asyncio.gather(*(self._read() for _ in range(self._count)))

    async def _read(self) -> None:
        async with connect(
            self._url, additional_headers=self._headers, compression=None, proxy=None, max_size=MESSAGE_BYTES_MAX
        ) as socket:
            number: list[int] = []
            answering = asyncio.create_task(_answer(socket, number))
            try:
                while True:
                    message = await socket.recv(decode=False)
                    if not number:
                        self._is_open()
                    number[:] = [_decode(message).number]
                    self.messages += 1
                    self.bytes += len(message)
            except ConnectionClosed as error:
                self.closes.append(error.rcvd.code if error.rcvd else 1006)
            finally:
                answering.cancel()

    def _is_open(self) -> None:
        self._waiting -= 1
        if not self._waiting:
            print(READY, flush=True)


async def _answer(socket: ClientConnection, number: list[int]) -> None:
    """Answer with the newest number once a second."""
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), ANSWER_S)
        if number:
            await socket.send(json.dumps({"drawn": number[0]}))


async def _run(url: str, count: int) -> None:
    readers = Readers(url, os.environ[TOKEN_VARIABLE], count)
    reading = asyncio.create_task(readers.run())
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait([reading, ended], return_when=asyncio.FIRST_COMPLETED)
    if reading.done():
        reading.result()
    reading.cancel()
    found = {"sockets": count, "messages": readers.messages, "bytes": readers.bytes, "closes": readers.closes}
    print(json.dumps(found), flush=True)


def _lower_priority() -> None:
    """Take the lowest priority. Where Linux groups processes by session, the priority of the group counts, too."""
    os.nice(NICE)
    with suppress(OSError):
        AUTOGROUP.write_text(str(NICE))


if __name__ == "__main__":
    _lower_priority()
    asyncio.run(_run(sys.argv[1], int(sys.argv[2])))
