"""A kill at any moment: what was read, decided and sent before is known afterwards."""

from __future__ import annotations

import random
from datetime import time
from pathlib import Path

import pytest

from proto.control import Severity
from proto.notify import MessageKind, MessageState
from services.notify.core.quiet_hours import Interval
from services.notify.core.rules import Rule
from tests.support.notify_runs import NotifyRun, a_rule, a_status, an_event, begun, ended, rules_of, stale
from tests.unit.notify.conftest import StartRun


def test_a_kill_between_acceptance_and_its_storing_repeats_the_message_with_the_same_key(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.is_killed_after_try = True
    run.happen(an_event())
    assert len(run.sent) == 2
    assert len({one.key for one in run.sent}) == 1
    assert len({one.body for one in run.sent}) == 1, "a repeated message has the same text"
    assert run.alerts()[0].deliveries[0].state is MessageState.SENT


def test_a_kill_during_a_try_repeats_it(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.hanging = {"phone"}
    run.happen(an_event())
    run.hanging = set()
    run.restart()
    assert [one.key for one in run.sent] == ["1f3a9c2e-1"]


def test_a_kill_before_a_group_is_complete_keeps_the_group(start_run: StartRun) -> None:
    run = start_run(a_rule(group_s=10))
    run.happen(an_event())
    run.advance(4)
    run.restart()
    run.happen(an_event())
    run.advance(6)
    assert [(one.at_s, one.alerts) for one in run.sent] == [(10, [1, 2])]


def test_a_kill_keeps_a_rate_limit(start_run: StartRun) -> None:
    run = start_run(a_rule(rate_max=2, rate_s=60))
    for _ in range(4):
        run.happen(an_event())
        run.restart()
        run.advance(1)
    assert [one.alerts for one in run.sent] == [[1], [2]]
    run.advance(60)
    assert [(one.at_s, one.alerts) for one in run.sent[2:]] == [(60, [3, 4])]


def test_a_kill_in_quiet_hours_keeps_what_waits(start_run: StartRun) -> None:
    run = start_run(a_rule(quiet=[Interval(time(7), time(9))]))
    run.happen(an_event())
    run.restart()
    assert run.sent == []
    run.advance(3_600)
    assert [one.at_s for one in run.sent] == [3_600]


def test_a_kill_keeps_the_time_of_an_escalation_and_does_not_repeat_one(start_run: StartRun) -> None:
    run = start_run(a_rule(escalate_after_s=300, escalate_to=["pager"]))
    run.happen(begun())
    run.advance(200)
    run.restart()
    run.advance(99)
    assert len(run.sent) == 1
    run.advance(1)
    assert [one.kind for one in run.sent] == [MessageKind.ALERT, MessageKind.ESCALATION]
    run.restart()
    run.advance(3_600)
    assert len(run.sent) == 2


def test_a_kill_keeps_an_acknowledgement(start_run: StartRun) -> None:
    run = start_run(a_rule(escalate_after_s=300, escalate_to=["pager"]))
    run.happen(begun())
    run.acknowledge(1)
    run.restart()
    run.advance(3_600)
    assert [one.target for one in run.sent] == ["phone"]


def test_a_kill_keeps_the_counts_of_repeats(start_run: StartRun) -> None:
    run = start_run(a_rule(repeat_s=60))
    for _ in range(4):
        run.happen(an_event())
        run.restart()
    assert [one.alerts for one in run.sent] == [[1]]
    run.advance(61)
    run.happen(an_event())
    assert "seen 3 more times" in run.sent[1].body


def test_a_kill_keeps_what_must_last_longer(start_run: StartRun) -> None:
    run = start_run(a_rule(events=["ORDER_IN_DOUBT"], after_s=30))
    run.happen(begun("ORDER_IN_DOUBT", "EURUSD"), begun("ORDER_IN_DOUBT", "NZDUSD"))
    run.advance(20)
    run.restart()
    run.happen(ended("ORDER_IN_DOUBT", "EURUSD"))
    run.advance(9)
    assert run.sent == []
    run.advance(1)
    assert [one.alerts for one in run.sent] == [[2]]


def test_after_a_kill_the_end_still_reaches_those_who_got_the_beginning(start_run: StartRun) -> None:
    run = start_run(a_rule(targets=["phone", "mail"]))
    run.happen(begun())
    run.restart()
    run.happen(ended())
    assert [(one.target, one.kind) for one in run.sent[2:]] == [
        ("phone", MessageKind.ENDED),
        ("mail", MessageKind.ENDED),
    ]


def test_after_a_kill_a_condition_in_the_status_makes_no_second_alert(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.happen(begun())
    run.restart()
    run.see(a_status(stale()), for_s=20)
    run.happen(begun())
    assert len(run.alerts()) == 1


def test_the_place_in_a_source_is_stored_with_what_follows_from_it(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.happen(an_event(), ledger=b"17")
    assert run.store.load(0).values["ledger"] == b"17"


SCENARIO = a_rule(
    name="all",
    targets=["phone", "mail"],
    group_s=3,
    rate_max=4,
    rate_s=40,
    repeat_s=7,
    escalate_after_s=25,
    escalate_to=["pager"],
)


def live_through(run: NotifyRun, seed: int, *, kills: int, severity: Severity = Severity.CRITICAL) -> None:
    """Let 60 random things happen, in two minutes, with kills between them; then let everything arrive."""
    drawn, killing = random.Random(seed), random.Random(seed + 1)
    killed = set(killing.sample(range(60), kills))
    lasting: set[str] = set()
    for number in range(60):
        code = drawn.choice(["FEED_STALE", "MARGIN_CALL", "GATEWAY_SILENT"])
        match drawn.randrange(6):
            case 0 | 1:
                run.happen(an_event(subject=drawn.choice(["EURUSD", "NZDUSD"])))
            case 2:
                run.happen(begun(code, severity=severity))
                lasting.add(code)
            case 3:
                run.happen(ended(code))
            case 4:
                run.down = {drawn.choice(["phone", "mail", "pager"])} if drawn.random() < 0.7 else set()
            case _:
                if drawn.random() < 0.3:
                    run.acknowledge(all_open=True)
        if number in killed:
            if killing.random() < 0.5:
                run.is_killed_after_try = True
            else:
                run.restart()
        run.advance(drawn.choice([0.1, 1, 2, 5]))
    run.down = set()
    run.is_killed_after_try = False
    for code in sorted(lasting):
        run.happen(ended(code))
    run.advance(4_000)


def told(run: NotifyRun) -> set[tuple[str, MessageKind, int]]:
    """What each target got: kind of message and number of alert."""
    return {(one.target, one.kind, number) for one in run.sent for number in one.alerts}


@pytest.mark.parametrize("seed", range(12))
def test_a_run_with_kills_tells_the_same_as_one_without(tmp_path: Path, seed: int) -> None:
    """After a kill a message is tried at once, so that times, and with them ends and escalations, may differ."""
    runs = [NotifyRun(tmp_path / name, rules_of(SCENARIO)) for name in ("plain", "killed")]
    for run, kills in zip(runs, (0, 15), strict=True):
        live_through(run, seed, kills=kills)
        assert not run.core.outbox.messages, "everything was sent"
    plain, killed = (
        {(target, number) for target, kind, number in told(run) if kind is MessageKind.ALERT} for run in runs
    )
    assert plain == killed
    known = [[(one.code, one.subject, one.repeats, one.ended_ns) for one in run.alerts()] for run in runs]
    assert known[0] == known[1]
    for run in runs:
        run.close()


@pytest.mark.parametrize("seed", range(12))
def test_no_alert_is_lost_by_rate_groups_repeats_failures_or_kills(tmp_path: Path, seed: int) -> None:
    run = NotifyRun(tmp_path, rules_of(no_repeats()))
    live_through(run, seed, kills=20)
    numbers = {one.number for one in run.alerts()}
    assert numbers
    for target in ("phone", "mail"):
        assert {
            number for one in run.sent_to(target) for number in one.alerts if one.kind is MessageKind.ALERT
        } == numbers
    bodies = {one.key: one.body for one in run.sent}
    assert all(bodies[one.key] == one.body for one in run.sent), "a key always has the same text"
    run.close()


def no_repeats() -> Rule:
    """The rule of the scenario without `repeat_s`."""
    return Rule(**{field: getattr(SCENARIO, field) for field in Rule.__struct_fields__} | {"repeat_s": 0})


@pytest.mark.parametrize("seed", range(6))
def test_a_target_never_gets_more_messages_of_a_rule_than_its_rate(tmp_path: Path, seed: int) -> None:
    run = NotifyRun(tmp_path, rules_of(SCENARIO))
    live_through(run, seed, kills=10, severity=Severity.WARNING)
    for target in ("phone", "mail"):
        first: dict[str, float] = {}
        for at_s, one, key in run.tries:
            if one == target:
                first.setdefault(key, at_s)
        times = sorted(first.values())
        for start in times:
            assert sum(start <= at < start + 40 for at in times) <= 4
    run.close()
