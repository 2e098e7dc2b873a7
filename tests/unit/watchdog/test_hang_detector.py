"""The watchdog kills a process without new heartbeats, or without progress while work waits."""

from __future__ import annotations

from services.watchdog.core.hang_detector import HangDetector, HangTimeouts, HeartbeatSample, Kill, KillReason

TIMEOUTS = HangTimeouts(hang_ms=3_000, stall_ms=10_000, start_ms=20_000)
CHECK_MS = 500


class DetectorHarness:
    """A detector that checks twice a second, and one process whose heartbeats a test chooses."""

    def __init__(self, timeouts: HangTimeouts = TIMEOUTS) -> None:
        self.detector = HangDetector(timeouts)
        self.now_ms = 1_000_000
        self.pid = 100
        self.beat = 0
        self.done = 0

    def check(self, sample: HeartbeatSample | None, *, after_ms: int = CHECK_MS) -> list[Kill]:
        self.now_ms += after_ms
        return self.detector.check({"signal": self.pid}, {"signal": sample}, self.now_ms * 1_000_000)

    def beating(self, *, is_work_waiting: bool = False, is_done: bool = False) -> HeartbeatSample:
        self.beat += 1
        self.done += is_done
        return HeartbeatSample(True, self.beat, self.done, is_work_waiting)

    def until_killed(self, sample: HeartbeatSample | None, *, checks_max: int = 1_000) -> Kill | None:
        for _ in range(checks_max):
            if kills := self.check(sample):
                return kills[0]
        return None


def test_a_process_without_a_new_heartbeat_is_killed_after_three_seconds() -> None:
    harness = DetectorHarness()
    sample = harness.beating()
    assert harness.check(sample) == []
    assert harness.until_killed(sample) == Kill("signal", 100, KillReason.HANG, 3_000)


def test_a_process_with_new_heartbeats_is_never_killed() -> None:
    harness = DetectorHarness()
    assert not any(harness.check(harness.beating()) for _ in range(10_000))


def test_a_heartbeat_just_before_the_limit_prevents_the_kill() -> None:
    harness = DetectorHarness()
    for _ in range(20):
        sample = harness.beating()
        assert not any(harness.check(sample) for _ in range(6))


def test_a_process_without_progress_while_work_waits_is_killed() -> None:
    harness = DetectorHarness()
    kills = [kill for _ in range(30) for kill in harness.check(harness.beating(is_work_waiting=True))]
    assert kills[0] == Kill("signal", 100, KillReason.STALL, 10_000)


def test_a_process_that_is_idle_or_makes_progress_is_not_killed() -> None:
    harness = DetectorHarness()
    assert not any(harness.check(harness.beating()) for _ in range(100))
    assert not any(harness.check(harness.beating(is_work_waiting=True, is_done=True)) for _ in range(100))


def test_a_process_without_a_heartbeat_is_killed_after_the_limit_for_starts() -> None:
    harness = DetectorHarness()
    assert harness.until_killed(None) == Kill("signal", 100, KillReason.START, 20_000)
    assert DetectorHarness(HangTimeouts(hang_ms=3_000, stall_ms=0, start_ms=0)).until_killed(None) is None


def test_a_starting_or_ending_process_is_not_killed_for_hanging() -> None:
    harness = DetectorHarness()
    kill = harness.until_killed(HeartbeatSample(False, 1, 0, False))
    assert kill is not None
    assert kill.reason is KillReason.START


def test_the_times_of_a_restarted_process_count_from_its_start() -> None:
    harness = DetectorHarness()
    sample = harness.beating()
    harness.until_killed(sample)
    harness.pid += 1
    assert harness.check(None) == []
    assert harness.check(harness.beating()) == []
    assert harness.detector.silent_ns() == {"signal": 0}


def test_no_process_is_killed_after_a_pause_of_the_watchdog_itself() -> None:
    """The host slept for an hour, and neither the watchdog nor the process ran."""
    harness = DetectorHarness()
    sample = harness.beating()
    harness.check(sample)
    assert harness.check(sample, after_ms=3_600_000) == []
    assert harness.check(harness.beating()) == []


def test_a_process_that_supervisord_is_stopping_is_not_killed() -> None:
    harness = DetectorHarness()
    sample = harness.beating()
    harness.check(sample)
    for _ in range(100):
        harness.now_ms += CHECK_MS
        assert harness.detector.check({}, {}, harness.now_ms * 1_000_000) == []
    assert harness.detector.silent_ns() == {}
