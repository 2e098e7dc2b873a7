"""The socket of the server: connections that are not read are dropped by the kernel."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from services.web.server import UNREAD_MS_MAX, bound_socket
from services.web.settings import WebSettings


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has this limit")
def test_an_accepted_connection_is_dropped_when_its_peer_reads_nothing(tmp_path: Path) -> None:
    bound = bound_socket(WebSettings(paperdesk_data_dir=tmp_path))
    bound.listen()
    with bound, socket.create_connection(bound.getsockname()):
        accepted, _ = bound.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNREAD_MS_MAX
