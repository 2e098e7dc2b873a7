"""Servers on loopback to which messages are sent: webhooks that accept, refuse, hang or drip, and a mail server."""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DRIP_S = 0.05


class Webhook:
    """A web server that records each JSON message; `status` is its answer, and `behaviour` how it answers."""

    def __init__(self, *, status: int = 200, behaviour: str = "answer") -> None:
        self.status = status
        self.behaviour = behaviour
        """`answer`, `hang` (no answer until `close`) or `drip` (an endless answer, byte by byte, until `close`)."""
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self._closing = threading.Event()
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                webhook.paths.append(self.path)
                webhook.bodies.append(json.loads(body))
                webhook._answer(self)

            def do_GET(self) -> None:
                webhook.paths.append(self.path)
                webhook._answer(self)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def titles(self) -> list[str]:
        """The titles of all messages."""
        return [body["title"] for body in self.bodies]

    @property
    def messages(self) -> list[str]:
        """The texts of all messages."""
        return [body["message"] for body in self.bodies]

    def close(self) -> None:
        """End all answers and stop listening."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        if self.behaviour == "hang":
            self._closing.wait()
            return
        request.send_response(self.status)
        if self.status in (301, 302, 307):
            request.send_header("Location", "/elsewhere")
        if self.behaviour == "drip":
            request.send_header("Content-Length", "1000000")
            request.end_headers()
            try:
                while not self._closing.wait(DRIP_S):
                    request.wfile.write(b".")
                    request.wfile.flush()
            except OSError:
                return
            return
        request.send_header("Content-Length", "0")
        request.end_headers()


class MailServer:
    """A mail server that records each mail; with `password`, it refuses to serve without it."""

    def __init__(self, *, password: str = "") -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                server._serve(self, password)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def texts(self) -> list[str]:
        """The texts of all mails."""
        return [str(mail.get_content()) for mail in self.mails]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, peer: socketserver.StreamRequestHandler, password: str) -> None:
        def say(line: str) -> None:
            peer.wfile.write(f"{line}\r\n".encode())

        say("220 mail.test ESMTP")
        is_known = not password
        while line := peer.rfile.readline():
            command = line.decode(errors="replace").strip()
            verb = command.upper().split(" ")[0]
            if verb == "EHLO":
                say("250-mail.test")
                say("250 AUTH PLAIN")
            elif verb == "AUTH":
                import base64

                secret = base64.b64decode(command.split(" ")[2]).decode().split("\0")
                is_known = secret[-1] == password
                say("235 ok" if is_known else "535 wrong user or password")
            elif verb in ("MAIL", "RCPT") and not is_known:
                say("530 sign in first")
            elif verb == "RCPT":
                self.recipients.append(command.partition(":")[2])
                say("250 ok")
            elif verb == "DATA":
                say("354 go on")
                lines = []
                while (text := peer.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(text[1:] if text.startswith(b"..") else text)
                self.mails.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))
                say("250 ok")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


@contextmanager
def webhook(*, status: int = 200, behaviour: str = "answer") -> Iterator[Webhook]:
    """Run a webhook within the block."""
    server = Webhook(status=status, behaviour=behaviour)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def mail_server(*, password: str = "") -> Iterator[MailServer]:
    """Run a mail server within the block."""
    server = MailServer(password=password)
    try:
        yield server
    finally:
        server.close()
