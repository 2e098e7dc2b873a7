"""Every step of the wall clock is reported once, and nothing else is reported as a step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.clock import mono_ns
from common.clock_step_detector import ClockStepDetector

SECOND_NS = 1_000_000_000


class Clocks:
    """A wall clock and a monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.wall_ns = 1_700_000_000 * SECOND_NS
        self.mono_ns = 5 * SECOND_NS

    def run(self, seconds: float) -> None:
        self.wall_ns += int(seconds * SECOND_NS)
        self.mono_ns += int(seconds * SECOND_NS)

    def watch(self) -> ClockStepDetector:
        return ClockStepDetector(500, wall=lambda: self.wall_ns, mono=lambda: self.mono_ns)


@pytest.mark.parametrize("seconds", [-3600.0, -0.6, 0.6, 86_400.0])
def test_a_step_is_reported_once_with_its_size_and_direction(seconds: float) -> None:
    clocks = Clocks()
    watch = clocks.watch()
    clocks.run(60)
    assert watch.step_ns() == 0
    clocks.wall_ns += int(seconds * SECOND_NS)
    assert watch.step_ns() == int(seconds * SECOND_NS)
    clocks.run(60)
    assert watch.step_ns() == 0


def test_a_step_back_after_a_step_forward_is_reported_too() -> None:
    clocks = Clocks()
    watch = clocks.watch()
    clocks.wall_ns += 2 * SECOND_NS
    assert watch.step_ns() == 2 * SECOND_NS
    clocks.wall_ns -= 2 * SECOND_NS
    assert watch.step_ns() == -2 * SECOND_NS


def test_small_steps_in_one_direction_add_up() -> None:
    clocks = Clocks()
    watch = clocks.watch()
    steps_ns = []
    for _ in range(4):
        clocks.wall_ns += 200_000_000
        steps_ns.append(watch.step_ns())
    assert steps_ns == [0, 0, 600_000_000, 0]


def test_a_pause_between_the_readings_of_both_clocks_is_no_step() -> None:
    clocks = Clocks()
    watch = clocks.watch()
    pauses = [10.0]

    def wall() -> int:
        if pauses:
            clocks.run(pauses.pop())
        return clocks.wall_ns

    watch._wall = wall
    assert watch.step_ns() == 0


SCRIPT = """
import sys
from common.clock_step_detector import ClockStepDetector
watch = ClockStepDetector()
print(watch.step_ns(), flush=True)
for line in sys.stdin:
    print(watch.step_ns(), flush=True)
"""


def test_a_test_can_step_the_clock_of_a_real_process_with_a_file(tmp_path: Path) -> None:
    step = tmp_path / "step"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PAPERDESK_CLOCK_STEP_FILE": str(step)},
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        step.write_text("-30000000000")
        process.stdin.write("look\n")
        process.stdin.flush()
        assert abs(int(process.stdout.readline()) + 30 * SECOND_NS) < SECOND_NS
        process.stdin.close()


def test_without_the_variable_the_wall_clock_is_the_systems_own_function() -> None:
    script = "import time; from common import clock; print(clock.wall_ns is time.time_ns)"
    env = {name: value for name, value in os.environ.items() if name != "PAPERDESK_CLOCK_STEP_FILE"}
    assert subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, check=True).stdout == b"True\n"


def test_the_detector_reads_the_real_clocks_by_default() -> None:
    started = mono_ns()
    watch = ClockStepDetector()
    assert watch.step_ns() == 0
    assert mono_ns() >= started
