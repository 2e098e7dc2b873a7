"""A pause of the circuit breaker is shown and survives a kill; a person exempts an order and resets the pause."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.command_line import PAPERDESK, TIMEOUT_S, paperdesk
from tests.support.processes import process_with_file
from tests.support.waits import wait_for
from tests.system.test_run import FLIPPING, filled, query

LIMITS = """
breaker_losses = 1
breaker_cooldown_s = 1000000
orders_per_second_max = "none"
orders_per_minute_max = "none"
spread_factor_max = "none"
rollover_pause_min = "none"
"""


def test_a_pause_is_shown_an_order_by_hand_is_exempted_and_the_pause_is_reset(tmp_path: Path) -> None:
    """The strategy buys and sells in turn and loses the spread, so that its first trade pauses the symbol."""
    desk, limits = tmp_path / "desk", tmp_path / "limits.toml"
    limits.write_text(LIMITS, encoding="utf-8")
    at = ("--data-dir", desk)
    order = ("order", "buy", "EURUSD", "--volume", "0.02", *at)
    with running(*at, "--strategy", FLIPPING, "--symbols", "EURUSD", "--risk", limits) as process:
        wait_for(lambda: pause(desk), "the breaker to pause the symbol", seconds=TIMEOUT_S)
        denied = paperdesk(*order, "--reason", "by hand")
        assert denied.returncode == 1, denied
        first, hint = denied.stdout.splitlines()
        assert first.startswith("DENIED by CIRCUIT_BREAKER: pause until ")
        assert "--past-rule CIRCUIT_BREAKER" in hint
        assert "paperdesk risk reset CIRCUIT_BREAKER --symbol EURUSD" in hint

        refused = paperdesk(*order, "--past-rule", "HALTED", "--reason", "by hand")
        assert refused.returncode == 2, refused
        assert "rule HALTED allows no exception, expected one of CIRCUIT_BREAKER, " in refused.stderr
        passed = query(*order, "--past-rule", "CIRCUIT_BREAKER", "--reason", "I have seen the loss", "--key", "k")
        [rule_text] = passed["past_rules"]
        assert rule_text.startswith("CIRCUIT_BREAKER (pause until ")

        before = pause(desk)
        kill_portfolio(desk)
        wait_for(lambda: pause(desk) == before, "the same pause after the restart", seconds=TIMEOUT_S)
        again = query(*order, "--past-rule", "CIRCUIT_BREAKER", "--reason", "I have seen the loss", "--key", "k")
        assert again == passed

        reset = ("risk", "reset", "circuit-breaker", "--symbol", "EURUSD", "--reason", "spread of a quiet night", *at)
        unknown = paperdesk("risk", "reset", "SPEED", "--reason", "x", *at)
        assert unknown.returncode == 2
        assert "rule is SPEED, expected one that can be reset: CIRCUIT_BREAKER, " in unknown.stderr
        wait_for(lambda: not query("positions", *at), "the strategy to close the position", seconds=TIMEOUT_S)
        fills = filled(desk)
        cleared = query(*reset, "--key", "r")
        assert "pause until" in cleared["before"]["EURUSD"]
        assert (cleared["after"], cleared["repeated"]) == ({}, False)
        wait_for(lambda: filled(desk) > fills, "the symbol to trade again", seconds=TIMEOUT_S)
        repeated = query(*reset, "--key", "r")
        assert (repeated["before"], repeated["repeated"]) == (cleared["before"], True)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT_S)

    assert paperdesk("verify", *at).returncode == 0
    [row] = [row for row in query("orders", *at) if row["key"] == "k"]
    assert row["past_rules"] == rule_text
    chain = query("why", "CIRCUIT_BREAKER", *at)
    [line] = [line for step in chain["steps"] if step["name"] == "resets" for line in step["lines"]]
    assert "spread of a quiet night; before EURUSD " in line["words"]
    log = [json.loads(line) for line in (desk / "logs" / "portfolio.log").read_text().splitlines() if line[:1] == "{"]
    [entry] = [line for line in log if line["event"] == "a person has reset a risk rule"]
    assert (entry["level"], entry["rule"], entry["before"]) == ("warning", "CIRCUIT_BREAKER", cleared["before"])
    assert any(line["event"] == "a person has exempted an order from risk rules" for line in log)


@contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A running desk; at the end of the block it is interrupted if it still runs."""
    process = subprocess.Popen(
        [PAPERDESK, "run", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=TIMEOUT_S)


def pause(desk: Path) -> Any:
    """The condition of the pause of EURUSD; None if EURUSD is not paused."""
    done = paperdesk("status", "--data-dir", desk, "--json")
    if done.returncode == 2 or done.stderr:
        return None
    found = [one for one in json.loads(done.stdout)["conditions"] if one["code"] == "BREAKER_OPEN"]
    return found[0] if found else None


def kill_portfolio(desk: Path) -> None:
    """Kill the portfolio process that has the desk's ledger open."""
    portfolio = wait_for(lambda: process_with_file("services.portfolio", desk / "ledger.db"), "portfolio")
    portfolio.kill()
    portfolio.wait(TIMEOUT_S)
