"""With any rules after a restart, each target gets what lasts once, and its end."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from proto.control import Severity
from proto.notify import MessageKind, MessageState
from services.notify.core.rules import Rules
from tests.support.notify_runs import NotifyRun, a_rule, an_event, begun, ended, rules_of
from tests.unit.notify.conftest import StartRun


def restart(run: NotifyRun, rules: Rules) -> None:
    run.rules = rules
    run.restart()


def test_the_end_of_what_a_removed_target_was_told_reaches_the_others(start_run: StartRun) -> None:
    run = start_run(a_rule(targets=["phone", "mail"]))
    run.happen(begun())
    restart(run, rules_of(a_rule(), targets=["phone"]))
    run.happen(ended())
    run.advance(1)
    assert [(one.target, one.kind) for one in run.sent[2:]] == [("phone", MessageKind.ENDED)]


def test_what_waits_for_a_renamed_target_goes_to_the_new_name_while_it_lasts(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.down = {"phone"}
    run.happen(begun())
    restart(run, rules_of(a_rule(targets=["mobile"]), targets=["mobile"]))
    assert [(one.target, one.alerts) for one in run.sent] == [("mobile", [1])]
    restart(run, rules_of(a_rule(targets=["mobile"]), targets=["mobile"]))
    assert len(run.sent) == 1, "it gets it once"


def test_an_added_rule_tells_what_lasts_already_but_nothing_acknowledged(start_run: StartRun) -> None:
    run = start_run(a_rule(events=["DENIAL"]))
    run.happen(begun(), begun("MARGIN_CALL"))
    run.acknowledge(2)
    restart(run, rules_of(a_rule(name="new", escalate_after_s=60, escalate_to=["pager"])))
    assert [one.alerts for one in run.sent] == [[1]]
    assert run.alerts()[0].rules == ["new"]
    run.advance(61)
    assert [(one.target, one.kind) for one in run.sent[1:]] == [("pager", MessageKind.ESCALATION)]


def test_a_message_about_something_that_lasts_is_not_given_up(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.down = {"phone"}
    run.happen(begun(), begun("MARGIN_CALL"))
    run.advance(24 * 3_600 + 700)
    assert {line.state for row in run.alerts() for line in row.deliveries} == {MessageState.SENDING}
    run.acknowledge(1)
    run.acknowledge(2)
    run.advance(700)
    assert {line.state for row in run.alerts() for line in row.deliveries} == {MessageState.GIVEN_UP}


@pytest.mark.parametrize("name", ["all", "renamed"])
def test_what_must_last_longer_waits_as_long_as_the_rules_of_the_restart_say(start_run: StartRun, name: str) -> None:
    run = start_run(a_rule(after_s=30))
    run.happen(begun())
    run.advance(10)
    restart(run, rules_of(a_rule(name=name, after_s=60)))
    run.advance(49)
    assert run.sent == []
    run.advance(2)
    assert [one.at_s for one in run.sent] == [60]
    restart(run, rules_of(a_rule(name="third")))
    run.happen(ended())
    assert [one.kind for one in run.sent] == [MessageKind.ALERT, MessageKind.ENDED], "also by a rule of another name"


def test_a_rule_that_is_gone_sends_nothing_that_had_to_last_longer(start_run: StartRun) -> None:
    run = start_run(a_rule(after_s=30))
    run.happen(begun())
    restart(run, rules_of(a_rule(events=["DENIAL"])))
    run.advance(100)
    assert run.sent == []


def test_a_change_of_what_lasts_is_no_repeat(start_run: StartRun) -> None:
    run = start_run(a_rule(repeat_s=600))
    run.happen(begun("TRADING_STATE", text="REDUCE_ONLY", replaces=True))
    run.advance(1)
    run.happen(begun("TRADING_STATE", text="HALTED", replaces=True))
    run.advance(1)
    assert [one.alerts for one in run.sent] == [[1], [2]]
    assert [bool(one.ended_ns) for one in run.alerts()] == [True, False]
    run.happen(an_event("TRADING_STATE", "", text="ACTIVE", replaces=True))
    run.advance(700)
    assert [one.alerts for one in run.sent] == [[1], [2], [3]]
    assert run.alerts(open_only=True) == []


def test_a_graver_alert_is_no_repeat(start_run: StartRun) -> None:
    run = start_run(a_rule(repeat_s=600))
    run.happen(begun(severity=Severity.WARNING), ended())
    run.happen(begun())
    assert [one.alerts for one in run.sent if one.kind is MessageKind.ALERT] == [[1], [2]]


def test_an_alert_is_no_repeat_of_one_that_ended_before_it_was_sent(start_run: StartRun) -> None:
    run = start_run(a_rule(after_s=30, repeat_s=3_600))
    run.happen(begun())
    run.advance(10)
    run.happen(ended())
    run.advance(5)
    run.happen(begun())
    run.advance(100)
    assert [(one.at_s, one.alerts) for one in run.sent] == [(45, [2])]


def test_a_critical_alert_does_not_wait_for_the_rate_limit(start_run: StartRun) -> None:
    run = start_run(a_rule(rate_max=2, rate_s=3_600))
    for _ in range(4):
        run.happen(an_event())
        run.advance(1)
    assert [one.alerts for one in run.sent] == [[1], [2]]
    run.happen(begun())
    assert [one.alerts for one in run.sent[2:]] == [[3, 4, 5]], "what waits comes with it"
    run.happen(an_event())
    run.restart()
    run.happen(begun("MARGIN_CALL"))
    assert [one.alerts for one in run.sent[3:]] == [[6, 7]], "also after a restart"
    run.happen(begun("STORAGE", severity=Severity.WARNING))
    assert len(run.sent) == 4


def some_rules(drawn: random.Random) -> Rules:
    """Random rules with random targets; all of them match the conditions of the test."""
    targets = drawn.sample(["phone", "mail", "pager"], drawn.randint(1, 3))
    rules = [
        a_rule(
            name=name,
            events=drawn.choice([["*"], ["FEED_STALE"], ["TRADING_STATE", "MARGIN_CALL"]]),
            targets=drawn.sample(targets, drawn.randint(1, len(targets))),
            group_s=drawn.choice([0, 3]),
            rate_max=drawn.choice([2, 100]),
            rate_s=40,
            repeat_s=drawn.choice([0, 7, 600]),
            after_s=drawn.choice([0, 0, 5, 30]),
            **drawn.choice([{}, {"escalate_after_s": 20, "escalate_to": targets[:1]}]),
        )
        for name in drawn.sample(["a", "b", "c"], drawn.randint(1, 3))
    ]
    return rules_of(*rules, targets=targets)


def require_told(run: NotifyRun) -> None:
    """Each open lasting alert has reached each target of its rules, or waits for it."""
    for row in run.store.alerts(range(1, 1_000)):
        if row.lasts and row.is_open:
            got = {one.target for one in run.sent if row.number in one.alerts}
            waiting = {one.target for one in run.core.outbox.messages.values() if row.number in one.alerts}
            assert set(run.rules.recipients(row)[1]) <= got | waiting, row


@pytest.mark.parametrize("seed", range(12))
def test_who_is_concerned_is_told_and_gets_the_end(tmp_path: Path, seed: int) -> None:
    drawn = random.Random(seed)
    run = NotifyRun(tmp_path, some_rules(drawn))
    states = ("HALTED", "REDUCE_ONLY", "HALTED by risk")
    codes = ("FEED_STALE", "MARGIN_CALL")
    for _ in range(60):
        match drawn.randrange(7):
            case 0 | 1:
                run.happen(begun(drawn.choice(codes), severity=drawn.choice([Severity.WARNING, Severity.CRITICAL])))
            case 2:
                run.happen(ended(drawn.choice(codes)))
            case 3:
                run.happen(begun("TRADING_STATE", text=drawn.choice(states), replaces=True))
            case 4:
                run.happen(an_event("TRADING_STATE", "", text="ACTIVE", replaces=True))
            case 5:
                restart(run, some_rules(drawn) if drawn.random() < 0.5 else run.rules)
            case _:
                run.down = set(drawn.sample(["phone", "mail", "pager"], drawn.randrange(3)))
        require_told(run)
        lasting = [(one.code, one.subject) for one in run.store.alerts(range(1, 1_000)) if one.lasts]
        assert len(lasting) == len(set(lasting)), "at most one of a kind lasts"
        run.advance(drawn.choice([0.1, 1, 5, 20]))
    run.down = set()
    run.advance(4_000)
    for row in run.store.alerts(range(1, 1_000)):
        if row.lasts and row.is_open:
            got = {one.target for one in run.sent if row.number in one.alerts}
            assert set(run.rules.recipients(row)[1]) <= got, "the target has it"
    # A target that got what still lasts, and is still in the file, gets its end.
    open_numbers = {one.number for one in run.store.alerts(range(1, 1_000)) if one.lasts}
    begun_at = {(one.target, number) for one in run.sent for number in one.alerts if number in open_numbers}
    for code in ("TRADING_STATE", *codes):
        run.happen(ended(code))
    run.advance(4_000)
    ends = {(one.target, number) for one in run.sent if one.kind is MessageKind.ENDED for number in one.alerts}
    assert {(target, number) for target, number in begun_at if target in run.rules.targets} <= ends
    assert not run.core.outbox.messages
    run.close()
