"""Targets of messages that fail at random: a webhook and a mail server on loopback, which record what they received.

A request of a client ends in one of these ways: it is answered with success; it is refused; the connection is closed
before the message was read; or the message was received and the answer is lost, at once or after a hang. A client has
to repeat a message whose answer was lost, so the server counts these.
"""

from __future__ import annotations

import email
import email.policy
import json
import random
import socketserver
import threading
from collections.abc import Callable
from email.message import EmailMessage
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from msgspec import Struct

from proto.notify import message_key

HANG_S: Final = 1.5
"""Time for which a hanging server holds a connection; longer than the client waits."""

LINE_BYTES_MAX: Final = 8_192


class Behaviour(StrEnum):
    """How a server treats one message."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    CLOSE_BEFORE = "close before reading"
    CLOSE_AFTER = "close after reading"
    HANG_AFTER = "hang after reading"


LOST: Final = (Behaviour.CLOSE_AFTER, Behaviour.HANG_AFTER)
"""Behaviours in which the server has the message and the client gets no answer."""

_WEIGHTS: Final = {
    Behaviour.ACCEPT: 80,
    Behaviour.REFUSE: 8,
    Behaviour.CLOSE_BEFORE: 6,
    Behaviour.CLOSE_AFTER: 5,
    Behaviour.HANG_AFTER: 1,
}


class Receipt(Struct, frozen=True):
    """A message that a server has read completely.

    `key` is its key, `text` its title and body. `was_answered` is whether the server sent the answer of success, and
    `incarnation` the number of kills before.
    """

    key: str
    text: str
    was_answered: bool
    incarnation: int


class AlertServer:
    """What both servers have in common: random behaviour, and the receipts."""

    def __init__(self, name: str, seed: int) -> None:
        """Begin without a receipt.

        Args:
            name: name of the target.
            seed: seed of the behaviour.
        """
        self.name = name
        self.receipts: list[Receipt] = []
        self.counts = dict.fromkeys(Behaviour, 0)
        """Number of messages by behaviour."""
        self.incarnation = 0
        """Number of kills so far; the run sets it."""
        self.fails = True
        """Whether the server fails at random; else it accepts everything."""
        self._draw = random.Random(seed)  # noqa: S311 - faults, no secrets
        self._lock = threading.Lock()
        self._server: socketserver.TCPServer | None = None

    @property
    def port(self) -> int:
        """Port on 127.0.0.1."""
        assert self._server is not None
        return int(self._server.server_address[1])

    def behave(self) -> Behaviour:
        """Draw the behaviour for the next message."""
        with self._lock:
            found = Behaviour.ACCEPT
            if self.fails:
                found = self._draw.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
            self.counts[found] += 1
            return found

    def receive(self, title: str, body: str, behaviour: Behaviour) -> None:
        """Record a message, before it is answered."""
        receipt = Receipt(
            key=message_key(body), text=f"{title}\n{body}", was_answered=behaviour not in LOST,
            incarnation=self.incarnation,
        )  # fmt: skip
        with self._lock:
            self.receipts.append(receipt)

    def serve(self, server: socketserver.TCPServer) -> None:
        """Serve in a thread until `close`."""
        self._server = server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()


def start_webhook(seed: int, ending: threading.Event) -> AlertServer:
    """Start a web server that takes messages as JSON.

    Args:
        seed: seed of its behaviour.
        ending: ends the hangs.
    """
    found = AlertServer("hook", seed)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            behaviour = found.behave()
            if behaviour is Behaviour.CLOSE_BEFORE:
                return
            message: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if behaviour is not Behaviour.REFUSE:
                found.receive(message["title"], message["message"], behaviour)
            if behaviour is Behaviour.HANG_AFTER:
                ending.wait(HANG_S)
            if behaviour in LOST:
                return
            self.send_response(500 if behaviour is Behaviour.REFUSE else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def handle(self) -> None:
            """Serve a client, which may be killed at any moment."""
            _until_the_client_is_gone(super().handle)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Print nothing."""

    found.serve(Server(("127.0.0.1", 0), Handler))
    return found


def start_mail_server(seed: int, ending: threading.Event) -> AlertServer:
    """Start a mail server that knows the verbs of a client without a password.

    Args:
        seed: seed of its behaviour.
        ending: ends the hangs.
    """
    found = AlertServer("mail", seed)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            """Serve a client, which may be killed at any moment."""
            _until_the_client_is_gone(lambda: _serve_mail(self, found, ending))

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Print nothing."""

    found.serve(Server(("127.0.0.1", 0), Handler))
    return found


def _serve_mail(peer: socketserver.StreamRequestHandler, server: AlertServer, ending: threading.Event) -> None:
    def say(line: str) -> None:
        peer.wfile.write(f"{line}\r\n".encode())

    say("220 mail.test ESMTP")
    behaviour = Behaviour.ACCEPT
    while line := peer.rfile.readline(LINE_BYTES_MAX):
        verb = line.decode(errors="replace").strip().upper().partition(" ")[0]
        match verb:
            case "EHLO":
                say("250-mail.test")
                say("250 SIZE 1000000")
            case "MAIL":
                behaviour = server.behave()
                if behaviour is Behaviour.CLOSE_BEFORE:
                    return
                say("451 try again later" if behaviour is Behaviour.REFUSE else "250 ok")
            case "DATA":
                say("354 go on")
                mail = _read_mail(peer)
                if mail is None:
                    return
                server.receive(str(mail["subject"]), _plain_text(mail), behaviour)
                if behaviour is Behaviour.HANG_AFTER:
                    ending.wait(HANG_S)
                if behaviour in LOST:
                    return
                say("250 ok")
            case "QUIT":
                say("221 bye")
                return
            case _:
                say("250 ok")


def _read_mail(peer: socketserver.StreamRequestHandler) -> EmailMessage | None:
    """The mail up to its final dot; None if the client is gone before."""
    lines = []
    while (line := peer.rfile.readline(LINE_BYTES_MAX)) != b".\r\n":
        if not line:
            return None
        lines.append(line[1:] if line.startswith(b"..") else line)
    return email.message_from_bytes(b"".join(lines), policy=email.policy.default)


def _plain_text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain", "html"))
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def _until_the_client_is_gone(serve: Callable[[], None]) -> None:
    try:
        serve()
    except OSError:
        return  # the client was killed
