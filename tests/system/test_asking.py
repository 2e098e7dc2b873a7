"""Queries of a trading desk have the same answers as queries of its ledger after the desk has stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.support.command_line import PAPERDESK, TIMEOUT_S, paperdesk
from tests.support.waits import wait_for


def query(desk: Path, *arguments: str) -> tuple[Any, str]:
    """The JSON output of a command, and its text on stderr."""
    done = paperdesk(*arguments, "--data-dir", desk, "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout), done.stderr


def refused(desk: Path, *arguments: str) -> Any:
    """The JSON output of a denied command."""
    done = paperdesk(*arguments, "--data-dir", desk, "--json")
    assert done.returncode == 1, done
    return json.loads(done.stdout)


def symbols_held(desk: Path) -> list[str]:
    return [row["symbol"] for row in query(desk, "positions")[0]]


def has_filled(desk: Path, count: int) -> bool:
    """Whether a desk has at least `count` fills; the desk may not run yet."""
    done = paperdesk("fills", "--last", count, "--data-dir", desk, "--json")
    return done.returncode == 0 and len(json.loads(done.stdout)) == count


def test_a_trading_desk_answers_and_its_ledger_has_the_same_answers_afterwards(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    running = subprocess.Popen(
        [PAPERDESK, "run", "--data-dir", desk, "--strategy", "tests.support.flipping:Flipping"],
        stdout=subprocess.DEVNULL,
        env={**os.environ},
    )
    try:
        wait_for(lambda: has_filled(desk, 5), "five fills", seconds=TIMEOUT_S)
        halted, _ = query(desk, "halt", "--reason", "looking at it")
        wait_for(lambda: query(desk, "orders", "--open")[0] == [], "every order to end", seconds=30)
        held = symbols_held(desk)
        assert query(desk, "close", held[0], "--reason", "enough")[0]["denied"] is False
        wait_for(lambda: held[0] not in symbols_held(desk), "the close by hand of a halted desk", seconds=30)
        assert refused(desk, "order", "buy", held[0], "--volume", "0.01", "--reason", "more")["code"] == "HALTED"
        at_gateway, _ = query(desk, "halt", "--at-gateway", "--reason", "portfolio seems gone")
        live = {what: query(desk, what) for what in ("orders", "fills", "positions", "account", "risk")}
        chains = [query(desk, "why", row["order_id"])[0] for row in live["orders"][0][-2:]]
        blocked, _ = query(desk, "why", "EURUSD")
    finally:
        running.send_signal(signal.SIGINT)
        try:
            running.wait(TIMEOUT_S)
        finally:
            running.kill()
    assert (at_gateway["is_halted"], at_gateway["reason"]) == (True, "portfolio seems gone")
    assert not (desk / "gateway.url").exists()
    assert halted["trading_state"] == live["account"][0]["trading_state"] == "HALTED"
    assert [error_output for _, error_output in live.values()] == [""] * len(live)
    for what in ("orders", "fills"):
        stopped, error_output = query(desk, what)
        assert stopped == live[what][0]
        assert "the desk is not running" in error_output
    for chain in chains:
        by = "cause" if chain["subject"] == live["orders"][0][-1]["order_id"] else "signal"
        assert [step["name"] for step in chain["steps"]][:4] == ["tick", by, "decision", "order"]
        assert chain == query(desk, "why", chain["subject"])[0]
    assert blocked["kind"] == "symbol"
