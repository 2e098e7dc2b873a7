"""A web server on this host that prints each message it gets, to try alarms without any service."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from cli.printable_text import printable
from common.clock import wall_ns
from common.errors import InUseError, StartError
from proto.notify import message_key
from proto.time import utc_text

BODY_BYTES_MAX: Final = 1 << 20
READ_S: Final = 10.0
"""Seconds after which a client that sends nothing is disconnected."""


class WebhookReceiver:
    """The server; it listens on 127.0.0.1 only."""

    def __init__(self, port: int, show: Callable[[str], None], *, messages_max: int = 0) -> None:
        """Listen at a port.

        Args:
            port: the port; 0 for a free one.
            show: gets the text of each message.
            messages_max: number of messages after which `serve` returns; 0 for no limit.

        Raises:
            StartError: the port is in use.
        """
        self._show = show
        self._left = messages_max
        self._failure: BaseException | None = None
        self._keys: set[str] = set()
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            timeout = READ_S

            def do_POST(self) -> None:
                receiver._on_post(self)

            def do_GET(self) -> None:
                receiver._on_get(self)

            def log_message(self, *_: object) -> None:
                """Print no line for each request."""

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise InUseError(f"--port: value '{port}': {error.strerror}; expected a free port of 127.0.0.1") from None
        except OverflowError:
            raise StartError(f"--port: value '{port}', expected a port from 0 to 65535") from None
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """The port at which the server listens."""
        return int(self._server.server_address[1])

    def serve(self) -> None:
        """Answer requests until the last expected message.

        Raises:
            StartError: a message cannot be shown; SystemExit if nobody reads them any more.
        """
        self._server.serve_forever(poll_interval=0.1)
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Stop listening."""
        self._server.server_close()

    def _on_post(self, request: BaseHTTPRequestHandler) -> None:
        length = request.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            request.send_error(413, f"expected a body of at most {BODY_BYTES_MAX} bytes with its length")
            return
        body = request.rfile.read(int(length))
        with self._lock:
            self._answer(request, self._text(body))
            self._left -= 1
            if self._left == 0:
                self._end()

    def _on_get(self, request: BaseHTTPRequestHandler) -> None:
        """The call of a heartbeat."""
        with self._lock:
            self._answer(request, f"{utc_text(wall_ns())} heartbeat {printable(request.path)}")

    def _answer(self, request: BaseHTTPRequestHandler, text: str) -> None:
        """Show a text, and only then accept the request; a text that cannot be shown ends `serve`."""
        try:
            self._show(text)
        except (StartError, SystemExit) as error:  # standard output is full or closed; a thread would lose the error
            self._failure = error
            request.send_error(503, "the message cannot be shown")
            self._end()
            return
        request.send_response(200)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def _end(self) -> None:
        threading.Thread(target=self._server.shutdown, daemon=True).start()

    def _text(self, body: bytes) -> str:
        title, message = _title_and_message(body)
        key = message_key(message)
        is_repeat = bool(key) and key in self._keys
        self._keys.add(key)
        lines = [f"{utc_text(wall_ns())} {title}{' (repeat of a message with the same key)' if is_repeat else ''}"]
        return "\n".join([*lines, *(f"  {line}" for line in message.splitlines())])


def show_on_terminal(text: str) -> None:
    """Print a message at once, followed by an empty line."""
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


def _title_and_message(body: bytes) -> tuple[str, str]:
    """Title and text of a message as apprise's `json://` sends it; any other body is shown as it is."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("message"), str):
        return printable(str(found.get("title", ""))), _printable_lines(found["message"])
    return f"{len(body)} bytes", _printable_lines(body.decode(errors="replace"))


def _printable_lines(text: str) -> str:
    return printable(text.replace("\r\n", "\n"), keep="\n")
