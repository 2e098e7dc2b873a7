"""A step of the wall clock is detected once, whether portfolio ran or not, and again only if it was not recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.clock_step_detector import ClockRecord
from services.portfolio.ledger.clock_guard import CLOCKS, ClockGuard, ClockStep
from services.portfolio.ledger.ledger import Ledger

SECOND_NS = 1_000_000_000
DAY_S = 86_400
NOW_NS = 1_780_000_000 * SECOND_NS
BOOTED_NS = 5 * DAY_S * SECOND_NS
THIS_BOOT, ANOTHER_BOOT = "a", "b"
UNKNOWN_BOOT = "unknown"

TO_1960_S = -2_095_000_000
TO_2090_S = 2_000_000_000


def record(boot: str = THIS_BOOT, *, wall_s: float = 0.0, boot_s: float = 0.0) -> ClockRecord:
    """Return the clocks, `wall_s` and `boot_s` seconds after their values at a fixed time in May 2026."""
    return ClockRecord(boot, NOW_NS + int(wall_s * SECOND_NS), BOOTED_NS + int(boot_s * SECOND_NS))


@pytest.mark.parametrize(
    ("later", "step_s"),
    [
        (record(wall_s=600, boot_s=600), 0),
        (record(wall_s=600.4, boot_s=600), 0),
        (record(wall_s=599.3, boot_s=600), -0.7),
        (record(wall_s=600 + 7_200, boot_s=600), 7_200),
        (record(wall_s=600 + DAY_S, boot_s=600), DAY_S),
        (record(wall_s=TO_1960_S, boot_s=0), TO_1960_S),
        (record(wall_s=TO_2090_S + 1, boot_s=1), TO_2090_S),
        (record(ANOTHER_BOOT, wall_s=DAY_S, boot_s=-4 * DAY_S), 0),
        (record(ANOTHER_BOOT, wall_s=-DAY_S, boot_s=-4 * DAY_S), -DAY_S),
    ],
)
def test_a_step_is_the_part_of_wall_clock_time_that_the_time_since_boot_does_not_explain(
    later: ClockRecord, step_s: float
) -> None:
    assert later.step_ns_since(record()) == round(step_s * SECOND_NS)


def test_records_without_a_boot_id_are_never_of_the_same_boot() -> None:
    later = record(UNKNOWN_BOOT, wall_s=DAY_S, boot_s=10)
    assert later.step_ns_since(record(UNKNOWN_BOOT)) == 0
    assert record(UNKNOWN_BOOT).step_ns_since(later) == -DAY_S * SECOND_NS


def test_a_record_is_read_as_written_and_any_other_text_gives_none() -> None:
    assert ClockRecord.parse(record(wall_s=TO_1960_S).text()) == record(wall_s=TO_1960_S)
    assert [ClockRecord.parse(text) for text in ("", "a", "a 1", "a 1 x", "a 1 2 3")] == [None] * 5


def test_a_real_host_finds_no_step_between_two_records() -> None:
    earlier = ClockRecord.now()
    assert ClockRecord.now().step_ns_since(earlier) == 0


@pytest.mark.parametrize("step_s", [7_200, -DAY_S, TO_1960_S, TO_2090_S])
def test_a_step_while_portfolio_is_down_is_found_at_its_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_s: int
) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    guard = ClockGuard(ledger)
    assert not guard.has_found
    guard.record()
    ledger.close()

    ledger = Ledger(tmp_path / "ledger.db")
    kept = ClockRecord.parse(ledger.meta(CLOCKS) or "")
    assert kept is not None
    stepped = kept._replace(wall_ns=kept.wall_ns + step_s * SECOND_NS)
    monkeypatch.setattr(ClockRecord, "now", lambda: stepped)
    for _ in range(2):  # if portfolio dies before its events are durable, the next start detects the step again
        guard = ClockGuard(ledger)
        assert guard.has_found
        guard.record()
    found = guard.take()
    assert found.while_down
    assert abs(found.step_ns - step_s * SECOND_NS) < SECOND_NS
    guard.record()
    assert not ClockGuard(ledger).has_found
    ledger.close()


def test_a_step_while_portfolio_runs_is_found_once_and_kept_until_it_is_taken(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    guard = ClockGuard(ledger)
    guard.record()
    guard._detector._difference_ns -= 3 * SECOND_NS
    guard.look()
    guard.look()
    found = guard.take()
    assert (round(found.step_ns / SECOND_NS), found.while_down) == (3, False)
    assert guard.take() == ClockStep(0, while_down=False)
    ledger.close()
