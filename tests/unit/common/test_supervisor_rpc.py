"""A hanging or missing supervisord does not block its callers."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from xmlrpc.server import SimpleXMLRPCServer

import pytest

from common.supervisor_rpc import RPC_ERRORS, call_supervisor


def test_a_call_of_a_supervisord_that_never_answers_times_out(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as held:
        held.bind(str(path))
        held.listen()
        began = time.monotonic()
        with pytest.raises(RPC_ERRORS):
            call_supervisor(f"unix://{path}", "getAllProcessInfo", timeout_s=0.2)
        assert 0.2 <= time.monotonic() - began < 10.0


def test_a_missing_supervisord_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RPC_ERRORS):
        call_supervisor(f"unix://{tmp_path / 's.sock'}", "getAllProcessInfo", timeout_s=1.0)


def test_a_supervisord_at_an_internet_address_is_called_with_its_arguments() -> None:
    with SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False) as server:
        server.register_function(lambda *arguments: [*arguments], "supervisor.startProcess")
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        assert call_supervisor(url, "startProcess", "signal", False, timeout_s=10.0) == ["signal", False]
        thread.join()
