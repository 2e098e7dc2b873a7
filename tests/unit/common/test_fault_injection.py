"""A crash point that the environment names kills the process once for the whole desk; other points have no effect."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common import fault_injection

SCRIPT = """
from common.errors import StartError
from common.fault_injection import crash_point
try:
    for ordinal in range(1, 8):
        crash_point("signal.after_tick", ordinal)
        crash_point("signal.after_send", ordinal)
        print(ordinal, flush=True)
except StartError as error:
    print(error)
"""


def run(crash_at: str, crash_dir: Path | None) -> tuple[int, list[str]]:
    env = {**os.environ, "PAPERDESK_CRASH_AT": crash_at, "PAPERDESK_CRASH_DIR": str(crash_dir or "")}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_the_process_dies_at_the_first_ordinal_at_or_past_the_given_one(tmp_path: Path) -> None:
    assert run("signal.after_tick@3", tmp_path) == (-9, ["1", "2"])


def test_an_entry_fires_once_per_desk(tmp_path: Path) -> None:
    run("signal.after_tick@3", tmp_path)
    assert run("signal.after_tick@3", tmp_path) == (0, list("1234567"))


def test_several_entries_fire_one_after_another(tmp_path: Path) -> None:
    entries = "signal.after_tick@3, signal.after_send@5,signal.after_tick@0"
    assert run(entries, tmp_path) == (-9, [])
    assert run(entries, tmp_path) == (-9, ["1", "2"])
    assert run(entries, tmp_path) == (-9, ["1", "2", "3", "4"])
    assert run(entries, tmp_path) == (0, list("1234567"))


def test_a_crash_point_with_another_name_does_not_fire(tmp_path: Path) -> None:
    assert run("portfolio.after_tick@1", tmp_path) == (0, list("1234567"))


@pytest.mark.parametrize("entry", ["signal.after_tick", "signal.after_tick@", "@3", "signal.after_tick@-1"])
def test_an_invalid_entry_is_refused_with_a_message(tmp_path: Path, entry: str) -> None:
    code, lines = run(entry, tmp_path)
    assert (code, lines) == (0, [f"PAPERDESK_CRASH_AT: value '{entry}', expected NAME@ORDINAL, comma separated"])


def test_without_a_folder_for_the_markers_no_crash_point_fires() -> None:
    _, lines = run("signal.after_tick@3", None)
    assert lines == ["PAPERDESK_CRASH_DIR: not set, expected a folder for markers, because PAPERDESK_CRASH_AT is set"]


def test_without_the_variable_nothing_happens() -> None:
    assert os.environ.get(fault_injection.CRASH_AT_VARIABLE) is None
    fault_injection.crash_point("signal.after_tick", 1)


def test_every_crash_point_of_the_code_is_listed_under_its_process() -> None:
    literal = re.compile(r'"((?:mt5|signal|portfolio|execution)\.(?:before|after)_\w+)"')
    services = Path(fault_injection.__file__).parents[1] / "services"
    found = {
        service: {name for path in (services / service).rglob("*.py") for name in literal.findall(path.read_text())}
        for service in fault_injection.CRASH_POINTS
    }
    assert {service: set(points) for service, points in fault_injection.CRASH_POINTS.items()} == found
