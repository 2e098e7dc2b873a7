"""Acknowledgement and escalation."""

from __future__ import annotations

from proto.control import ControlError
from proto.notify import AcknowledgeReply, MessageKind
from services.notify.core.rules import Rule
from tests.support.notify_runs import a_rule, an_event, begun, ended
from tests.unit.notify.conftest import StartRun


def an_escalating_rule(**changed: object) -> Rule:
    """A rule that escalates to the pager after five minutes."""
    return a_rule(**{"escalate_after_s": 300, "escalate_to": ["pager"], **changed})


def test_an_alert_that_nobody_acknowledges_is_sent_to_further_targets(start_run: StartRun) -> None:
    run = start_run(an_escalating_rule())
    run.happen(begun())
    run.advance(299)
    assert [one.target for one in run.sent] == ["phone"]
    run.advance(2)
    escalation = run.sent[1]
    assert (escalation.target, escalation.kind, escalation.at_s) == ("pager", MessageKind.ESCALATION, 300)
    assert escalation.title == "NOT ACKNOWLEDGED: VENUE UNKNOWN london: FEED_STALE"
    assert run.alerts()[0].escalated_ns == run.start_ns + 300 * 10**9
    run.advance(3_600)
    assert len(run.sent) == 2, "an alert is escalated once"


def test_an_acknowledged_alert_is_not_escalated(start_run: StartRun) -> None:
    run = start_run(an_escalating_rule())
    run.happen(begun())
    run.advance(100)
    run.acknowledge(1)
    run.advance(3_600)
    assert [one.target for one in run.sent] == ["phone"]


def test_a_condition_that_has_ended_is_not_escalated(start_run: StartRun) -> None:
    run = start_run(an_escalating_rule(ended=False))
    run.happen(begun())
    run.advance(100)
    run.happen(ended())
    run.advance(3_600)
    assert [one.target for one in run.sent] == ["phone"]


def test_the_time_of_escalation_begins_with_the_first_try(start_run: StartRun) -> None:
    """A target that is down is a reason to escalate, not to wait."""
    run = start_run(an_escalating_rule(group_s=10))
    run.down = {"phone"}
    run.happen(begun())
    run.advance(309)
    assert run.sent == []
    run.advance(1)
    assert [one.target for one in run.sent] == ["pager"]


def test_an_info_alert_is_not_escalated(start_run: StartRun) -> None:
    run = start_run(an_escalating_rule())
    run.happen(an_event())
    run.advance(3_600)
    assert [one.target for one in run.sent] == ["phone"]


def test_an_escalation_that_waits_is_withdrawn_by_an_acknowledgement(start_run: StartRun) -> None:
    run = start_run(an_escalating_rule())
    for code in ("FEED_STALE", "MARGIN_CALL", "STORAGE"):
        run.happen(begun(code))
        run.advance(1)
    run.hanging = {"pager"}
    run.advance(400)
    run.acknowledge(2)
    run.answer("pager")
    assert [one.alerts for one in run.sent_to("pager")] == [[3]]
    assert [one.kind for one in run.alerts()[1].deliveries] == [MessageKind.ALERT]


def test_the_end_reaches_those_who_got_the_escalation_too(start_run: StartRun) -> None:
    run = start_run(an_escalating_rule())
    run.happen(begun())
    run.advance(400)
    run.happen(ended())
    assert [(one.target, one.kind) for one in run.sent[2:]] == [
        ("phone", MessageKind.ENDED),
        ("pager", MessageKind.ENDED),
    ]


def test_acknowledging_twice_changes_nothing_and_names_the_first_person(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.happen(begun())
    first = run.acknowledge(1, person="anna")
    run.advance(10)
    second = run.acknowledge(1, person="bert")
    assert isinstance(first, AcknowledgeReply)
    assert isinstance(second, AcknowledgeReply)
    assert [(row.acknowledged_by, row.is_new) for row in (*first.rows, *second.rows)] == [
        ("anna", True),
        ("anna", False),
    ]
    assert run.alerts()[0].acknowledged_by == "anna"
    assert run.alerts()[0].acknowledged_ns == run.start_ns


def test_an_unknown_number_is_refused_and_nothing_acknowledged(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.happen(begun())
    assert run.acknowledge(1, 7) == ControlError(error="there is no alert 7; nothing was acknowledged")
    assert run.alerts()[0].acknowledged_ns == 0


def test_all_open_alerts_are_acknowledged_at_once(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.happen(begun(), begun("MARGIN_CALL"), an_event())
    run.happen(ended("MARGIN_CALL"))
    reply = run.acknowledge(all_open=True)
    assert isinstance(reply, AcknowledgeReply)
    assert [row.number for row in reply.rows] == [1], "neither an INFO alert nor an ended one is open"
    assert run.alerts(open_only=True) == []


def test_an_old_alert_can_be_acknowledged(start_run: StartRun) -> None:
    """It is no longer in memory after a restart."""
    run = start_run(a_rule())
    run.happen(begun())
    run.happen(ended())
    run.restart()
    run.acknowledge(1)
    assert run.alerts()[0].acknowledged_by == "anna"


def test_an_acknowledgement_is_part_of_a_later_message(start_run: StartRun) -> None:
    run = start_run(a_rule(group_s=10))
    run.happen(begun())
    run.acknowledge(1)
    run.advance(10)
    assert "acknowledged by anna at 2026-01-05 08:00:00+00:00" in run.sent[0].body
    assert "to acknowledge" not in run.sent[0].body
