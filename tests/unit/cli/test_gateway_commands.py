"""A command for the gateway is sent only to the gateway of the selected desk."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from cli.main import run
from orchestration.address_files import CONTROL_FILE, GATEWAY_FILE, published_addresses, read_address
from proto.gateway import Hello
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.gateway.tick_publisher import Pace
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from tests.support.builders import a_gateway, a_stream
from tests.support.desk_harness import a_live_desk
from tests.support.socket_servers import serve_gateway


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a desk whose ledger records the gateway's journal `journal-1`."""
    driven = a_live_desk()
    ledger = Ledger(tmp_path / LEDGER_FILE_NAME)
    ledger.commit(driven.state.account.take_events(), driven.state.account.book, driven.state.stream.persisted)
    ledger.close()
    return tmp_path


def a_live_gateway(journal_id: str = "journal-1", **changed: object) -> Gateway:
    return a_gateway(a_stream((1.1, 1.1001)), pace=Pace(0, 1.0), journal=MemoryJournal(journal_id), **changed)


def write_gateway_address(folder: Path, url: str) -> None:
    (folder / GATEWAY_FILE).write_text(url + "\n", encoding="utf-8")


def test_a_command_goes_to_the_gateway_of_the_desk(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"ipc://{folder}/gw.ipc"
    write_gateway_address(folder, url)
    with serve_gateway(url, a_live_gateway()) as requests:
        for name in ("halt", "flatten", "resume"):
            assert run([name, "--reason", "news", "--at-gateway", "--data-dir", str(folder)]) == 0
    actions = [type(request).__name__ for request in requests]
    assert actions == ["Hello", "Halt", "Hello", "Flatten", "Hello", "Resume"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "the gateway of paper-USD refuses orders that open exposure: news"
    assert lines[-1] == "the gateway of paper-USD accepts orders"


def test_a_folder_without_a_running_gateway_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["flatten", "--reason", "news", "--at-gateway", "--data-dir", str(folder)]) == 2
    message = f"paperdesk: no gateway answers for {folder}, expected a running gateway with its address in gateway.url;"
    assert capsys.readouterr().err.startswith(message)
    write_gateway_address(folder, f"ipc://{folder}/gone.ipc")
    assert run(["flatten", "--reason", "news", "--at-gateway", "--data-dir", str(folder)]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_the_socket_file_of_a_killed_gateway_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(f"{folder}/gw.ipc")
    write_gateway_address(folder, f"ipc://{folder}/gw.ipc")
    assert run(["flatten", "--reason", "news", "--at-gateway", "--data-dir", str(folder)]) == 2
    assert capsys.readouterr().err.startswith(
        f"paperdesk: no gateway answers for {folder}, expected a running gateway "
    )


def test_a_gateway_with_another_journal_gets_no_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"ipc://{folder}/gw.ipc"
    write_gateway_address(folder, url)
    with serve_gateway(url, a_live_gateway("journal-2")) as requests:
        assert run(["flatten", "--reason", "news", "--at-gateway", "--data-dir", str(folder), "--json"]) == 2
        assert [type(request) for request in requests] == [Hello]
        assert run(["halt", "--reason", "news", "--at-gateway", "--url", url]) == 0, (
            "without --data-dir there is no ledger to compare with"
        )
    output = capsys.readouterr()
    message = (
        f"{url} is the gateway of journal journal-2, expected journal-1 of the ledger in {folder}; nothing was done"
    )
    assert message in output.err
    assert message in output.out


def test_a_gateway_of_another_account_gets_no_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"ipc://{folder}/gw.ipc"
    with serve_gateway(url, a_live_gateway(currency="EUR")) as requests:
        arguments = ["halt", "--reason", "news", "--at-gateway", "--data-dir", str(folder), "--url", url]
        assert run(arguments) == 2
    assert [type(request) for request in requests] == [Hello]
    assert "is the gateway of account paper-EUR, expected paper-USD of the ledger" in capsys.readouterr().err


def test_both_addresses_of_a_desk_are_published_while_it_runs_and_then_removed(tmp_path: Path) -> None:
    with published_addresses(tmp_path, Path("/run/desk")):
        assert (tmp_path / CONTROL_FILE).read_text(encoding="utf-8") == "ipc:///run/desk/control.ipc\n"
        assert (tmp_path / GATEWAY_FILE).read_text(encoding="utf-8") == "ipc:///run/desk/gw.ipc\n"
    assert list(tmp_path.iterdir()) == []


def test_the_addresses_in_a_copy_of_a_desks_folder_are_ignored(tmp_path: Path) -> None:
    original, copy, renamed = (tmp_path / name for name in ("desk", "copy", "renamed"))
    original.mkdir()
    with published_addresses(original, Path("/run/desk")):
        shutil.copytree(original, copy)
        assert read_address(copy, CONTROL_FILE) is None
        assert read_address(copy, GATEWAY_FILE) is None
        renamed.symlink_to(original)
        assert read_address(renamed, CONTROL_FILE) == "ipc:///run/desk/control.ipc"


def test_a_refusal_with_json_is_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["halt", "--reason", "news", "--at-gateway", "--data-dir", str(folder), "--json"]) == 2
    output = capsys.readouterr()
    assert output.err == f"paperdesk: {json.loads(output.out)['error']}\n"
