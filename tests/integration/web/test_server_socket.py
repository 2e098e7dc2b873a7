"""The socket of the server: small messages are sent at once, unread connections are dropped, bad TLS is one line."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from starlette.applications import Starlette

from common.errors import StartError
from services.web.server import UNREAD_MS_MAX, bound_socket, serve
from services.web.settings import WebSettings


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has this limit")
def test_an_accepted_connection_is_dropped_when_its_peer_reads_nothing(tmp_path: Path) -> None:
    bound = bound_socket(WebSettings(paperdesk_data_dir=tmp_path))
    bound.listen()
    with bound, socket.create_connection(bound.getsockname()):
        accepted, _ = bound.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNREAD_MS_MAX


def test_a_small_message_does_not_wait_for_the_confirmation_of_the_one_before(tmp_path: Path) -> None:
    bound = bound_socket(WebSettings(paperdesk_data_dir=tmp_path))

    async def no_delay_of_a_connection() -> int:
        found = asyncio.get_running_loop().create_future()

        async def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            found.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(note, sock=bound):
            with socket.create_connection(bound.getsockname()):
                return int(await found)

    assert asyncio.run(no_delay_of_a_connection()) == 1


@pytest.mark.parametrize("has_files", [False, True])
def test_a_certificate_that_cannot_be_used_is_one_line(tmp_path: Path, has_files: bool) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    if has_files:
        cert.write_text("no certificate")
        key.write_text("no key")
    settings = WebSettings(paperdesk_data_dir=tmp_path, web_tls_cert=cert, web_tls_key=key)
    with bound_socket(settings) as bound, pytest.raises(StartError, match="expected a certificate chain") as error:
        serve(Starlette(), settings, bound)
    assert str(error.value).startswith(f"WEB_TLS_CERT and WEB_TLS_KEY: values '{cert}' and '{key}' cannot be used: ")
    assert "\n" not in str(error.value)
