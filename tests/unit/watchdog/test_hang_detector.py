"""Whom the watchdog has killed, and whom it leaves alone."""

from __future__ import annotations

from services.watchdog.core.hang_detector import HangDetector, HangTimeouts, HeartbeatSample, Kill, KillReason

PATIENCE = HangTimeouts(hang_ms=3_000, stall_ms=10_000, start_ms=20_000)
LOOK_MS = 500


class Looks:
    """A watch that is looked through twice a second, and one process that a test describes."""

    def __init__(self, patience: HangTimeouts = PATIENCE) -> None:
        self.watch = HangDetector(patience)
        self.now_ms = 1_000_000
        self.pid = 100
        self.beat = 0
        self.done = 0

    def look(self, life: HeartbeatSample | None, *, after_ms: int = LOOK_MS) -> list[Kill]:
        self.now_ms += after_ms
        return self.watch.check({"signal": self.pid}, {"signal": life}, self.now_ms * 1_000_000)

    def alive(self, *, is_work_waiting: bool = False, is_done: bool = False) -> HeartbeatSample:
        self.beat += 1
        self.done += is_done
        return HeartbeatSample(True, self.beat, self.done, is_work_waiting)

    def until_killed(self, life: HeartbeatSample | None, *, looks_max: int = 1_000) -> Kill | None:
        for _ in range(looks_max):
            if kills := self.look(life):
                return kills[0]
        return None


def test_a_process_without_a_new_heartbeat_is_killed_after_three_seconds() -> None:
    looks = Looks()
    life = looks.alive()
    assert looks.look(life) == []
    assert looks.until_killed(life) == Kill("signal", 100, KillReason.HANG, 3_000)


def test_a_process_with_new_heartbeats_is_never_killed() -> None:
    looks = Looks()
    assert not any(looks.look(looks.alive()) for _ in range(10_000))


def test_a_heartbeat_just_before_the_limit_prevents_the_kill() -> None:
    looks = Looks()
    for _ in range(20):
        life = looks.alive()
        assert not any(looks.look(life) for _ in range(6))


def test_a_process_without_progress_while_work_waits_is_killed() -> None:
    looks = Looks()
    kills = [kill for _ in range(30) for kill in looks.look(looks.alive(is_work_waiting=True))]
    assert kills[0] == Kill("signal", 100, KillReason.STALL, 10_000)


def test_a_process_that_is_idle_or_makes_progress_is_not_killed() -> None:
    looks = Looks()
    assert not any(looks.look(looks.alive()) for _ in range(100))
    assert not any(looks.look(looks.alive(is_work_waiting=True, is_done=True)) for _ in range(100))


def test_a_process_without_a_heartbeat_is_killed_after_the_limit_for_starts() -> None:
    looks = Looks()
    assert looks.until_killed(None) == Kill("signal", 100, KillReason.START, 20_000)
    assert Looks(HangTimeouts(hang_ms=3_000, stall_ms=0, start_ms=0)).until_killed(None) is None


def test_a_starting_or_ending_process_is_not_killed_for_hanging() -> None:
    looks = Looks()
    kill = looks.until_killed(HeartbeatSample(False, 1, 0, False))
    assert kill is not None
    assert kill.reason is KillReason.START


def test_the_times_of_a_restarted_process_count_from_its_start() -> None:
    looks = Looks()
    life = looks.alive()
    looks.until_killed(life)
    looks.pid += 1
    assert looks.look(None) == []
    assert looks.look(looks.alive()) == []
    assert looks.watch.silent_ns() == {"signal": 0}


def test_no_process_is_killed_after_a_stop_of_the_watchdog_itself() -> None:
    """The host slept for an hour, and everybody with it."""
    looks = Looks()
    life = looks.alive()
    looks.look(life)
    assert looks.look(life, after_ms=3_600_000) == []
    assert looks.look(looks.alive()) == []


def test_a_process_that_supervisord_is_stopping_is_not_killed() -> None:
    looks = Looks()
    life = looks.alive()
    looks.look(life)
    for _ in range(100):
        looks.now_ms += LOOK_MS
        assert looks.watch.check({}, {}, looks.now_ms * 1_000_000) == []
    assert looks.watch.silent_ns() == {}
