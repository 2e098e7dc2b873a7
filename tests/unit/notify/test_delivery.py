"""Which message goes to which target and when: matching, grouping, limits, tries and back-off."""

from __future__ import annotations

import pytest

from proto.control import Severity
from proto.notify import MessageKind, MessageState
from tests.support.notify_runs import a_rule, an_event, begun, ended
from tests.unit.notify.conftest import StartRun


def test_an_event_arrives_with_its_text_mode_number_and_key(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.happen(an_event(text="bought 0.1 lots"), mode="simulated")
    [message] = run.sent
    assert message.title == "SIMULATED london: FILL EURUSD"
    assert message.body.splitlines() == [
        "bought 0.1 lots",
        "INFO, at 2026-01-05 08:00:00+00:00",
        "",
        "SIMULATED desk london, alert 1, rule all",
        "key 1f3a9c2e-1",
    ]


def test_an_alert_that_no_rule_matches_is_stored_and_sent_to_nobody(start_run: StartRun) -> None:
    run = start_run(a_rule(events=["DENIAL"]))
    run.happen(an_event())
    [alert] = run.alerts()
    assert (alert.rules, alert.deliveries, run.sent) == ([], [], [])


def test_each_target_gets_an_alert_once_by_the_first_rule_that_has_it(start_run: StartRun) -> None:
    run = start_run(
        a_rule(name="first", title="first", targets=["phone"]),
        a_rule(name="second", title="second", targets=["phone", "mail"]),
    )
    run.happen(an_event())
    assert [(one.target, one.title) for one in run.sent] == [("phone", "first"), ("mail", "second")]
    assert run.alerts()[0].rules == ["first", "second"]


@pytest.mark.parametrize(
    ("changed", "sent"),
    [
        ({"events": ["FI*"]}, 1),
        ({"events": ["PROCESS_*", "FILL"]}, 1),
        ({"events": ["ILL"]}, 0),
        ({"severity": Severity.WARNING}, 0),
        ({"symbols": ["EURUSD"]}, 1),
        ({"symbols": ["NZDUSD"]}, 0),
    ],
)
def test_a_rule_matches_by_code_pattern_severity_and_symbol(
    start_run: StartRun, changed: dict[str, object], sent: int
) -> None:
    run = start_run(a_rule(**changed))
    run.happen(an_event())
    assert len(run.sent) == sent


def test_alerts_within_the_group_are_one_message(start_run: StartRun) -> None:
    run = start_run(a_rule(group_s=10))
    run.happen(an_event(text="first"))
    run.advance(4)
    run.happen(begun(text="second"))
    run.advance(5.9)
    assert run.sent == []
    run.advance(0.2)
    [message] = run.sent
    assert message.at_s == 10
    assert message.alerts == [1, 2]
    assert message.title == "VENUE UNKNOWN london: FEED_STALE (+1)", "the gravest alert gives the title"
    assert "#1 INFO FILL EURUSD\nfirst" in message.body
    assert "#2 CRITICAL FEED_STALE\nsecond" in message.body
    assert "to acknowledge: paperdesk alerts ack 2" in message.body
    run.happen(an_event())
    run.advance(10)
    assert run.sent[1].alerts == [3]


def test_a_message_has_at_most_twenty_alerts(start_run: StartRun) -> None:
    run = start_run(a_rule(group_s=10))
    run.happen(*(an_event() for _ in range(45)))
    run.advance(10)
    assert [len(one.alerts) for one in run.sent] == [20, 20, 5]


def test_alerts_beyond_the_rate_wait_and_come_in_the_next_message(start_run: StartRun) -> None:
    run = start_run(a_rule(rate_max=2, rate_s=60))
    for _ in range(6):
        run.happen(an_event())
        run.advance(1)
    assert [one.alerts for one in run.sent] == [[1], [2]]
    [waiting] = run.alerts()[5].deliveries
    assert (waiting.state, waiting.waits_for.value) == (MessageState.WAITING, "RATE_LIMIT")
    run.advance(60)
    assert [(one.at_s, one.alerts) for one in run.sent[2:]] == [(60, [3, 4, 5, 6])]


def test_the_rate_is_that_of_one_rule_and_target(start_run: StartRun) -> None:
    run = start_run(
        a_rule(name="fills", events=["FILL"], targets=["phone", "mail"], rate_max=1),
        a_rule(name="denials", events=["DENIAL"], rate_max=1),
    )
    run.happen(an_event())
    run.happen(an_event("DENIAL"))
    assert [one.target for one in run.sent] == ["phone", "mail", "phone"]


def test_a_target_that_fails_is_tried_again_with_back_off(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.down = {"phone"}
    run.happen(an_event())
    run.advance(1_000)
    pauses = [later[0] - earlier[0] for earlier, later in zip(run.tries, run.tries[1:], strict=False)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert len({key for _, _, key in run.tries}) == 1
    run.down = set()
    run.advance(300)
    assert len(run.sent) == 1
    [line] = run.alerts()[0].deliveries
    assert (line.state, line.tries, line.error) == (MessageState.SENT, 12, "")


def test_a_target_that_is_down_or_hangs_delays_no_other(start_run: StartRun) -> None:
    run = start_run(a_rule(targets=["phone", "mail", "pager"]))
    run.down, run.hanging = {"phone"}, {"mail"}
    for _ in range(3):
        run.happen(an_event())
        run.advance(0.1)
    assert [one.alerts for one in run.sent_to("pager")] == [[1], [2], [3]]
    assert run.sent_to("phone") == run.sent_to("mail") == []
    run.answer("mail")
    assert [one.alerts for one in run.sent_to("mail")] == [[2, 3]], "what waits for an earlier message comes together"


def test_a_target_has_one_message_in_flight(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.hanging = {"phone"}
    run.happen(an_event())
    run.happen(an_event())
    run.advance(3_600)
    assert [key for _, _, key in run.tries] == ["1f3a9c2e-1"]


def test_a_message_that_a_target_refuses_delays_the_next_ones_only_shortly(start_run: StartRun) -> None:
    """The first message is refused for good, as an invalid text would be; the target accepts all others."""
    run = start_run(a_rule())
    run.down = {"phone"}
    run.happen(an_event())
    run.advance(2_000)
    run.hanging, run.down = {"phone"}, set()
    run.happen(an_event())
    run.advance(10)
    assert run.in_flight[0].alerts == [2]


def test_after_an_outage_everything_arrives(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.down = {"phone"}
    for _ in range(10):
        run.happen(an_event())
        run.advance(30)
    run.down = set()
    run.advance(300)
    assert sorted(number for one in run.sent for number in one.alerts) == [*range(1, 11)]


def test_a_message_is_given_up_after_a_day(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.down = {"phone"}
    run.happen(an_event())
    run.advance(24 * 3_600 + 301)
    [line] = run.alerts()[0].deliveries
    assert (line.state, line.error) == (MessageState.GIVEN_UP, "HTTP 500")
    tries = len(run.tries)
    run.advance(3_600)
    assert len(run.tries) == tries


def test_a_failing_target_is_reported_after_three_failures(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.down = {"phone"}
    run.happen(an_event())
    run.advance(2)
    assert run.core.outbox.problems() == {}
    run.advance(1)
    assert run.core.outbox.problems() == {"phone": "3 tries failed, HTTP 500"}
    run.down = set()
    run.advance(10)
    assert run.core.outbox.problems() == {}


def test_a_removed_target_ends_its_messages_with_a_reason(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.down = {"phone"}
    run.happen(an_event())
    run.rules.targets.remove("phone")
    run.restart()
    [line] = run.alerts()[0].deliveries
    assert (line.state, line.error) == (MessageState.GIVEN_UP, "NOTIFY_FILE has no target phone any more")


def test_the_end_of_a_condition_reaches_those_who_got_its_beginning(start_run: StartRun) -> None:
    run = start_run(a_rule(name="on", targets=["phone"]), a_rule(name="off", targets=["mail"], ended=False))
    run.happen(begun())
    run.advance(60)
    run.happen(ended())
    assert [(one.target, one.kind) for one in run.sent] == [
        ("phone", MessageKind.ALERT),
        ("mail", MessageKind.ALERT),
        ("phone", MessageKind.ENDED),
    ]
    assert run.sent[2].title == "ENDED: VENUE UNKNOWN london: FEED_STALE"
    assert "ended at 2026-01-05 08:01:00+00:00" in run.sent[2].body
    assert not run.alerts()[0].is_open


def test_an_end_before_the_message_is_part_of_the_message(start_run: StartRun) -> None:
    run = start_run(a_rule(group_s=10))
    run.happen(begun())
    run.advance(3)
    run.happen(ended())
    run.advance(60)
    [message] = run.sent
    assert "ended at 2026-01-05 08:00:03+00:00" in message.body


def test_a_failing_target_does_not_get_that_it_fails(start_run: StartRun) -> None:
    run = start_run(a_rule(targets=["phone", "mail"]))
    run.down = {"phone"}
    run.happen(an_event())
    run.advance(10)
    run.happen(begun("NOTIFY_FAILS"))
    run.down = set()
    run.advance(600)
    assert [one.alerts for one in run.sent_to("mail")] == [[1], [2]]
    assert [one.alerts for one in run.sent_to("phone")] == [[1]]


def test_an_end_does_not_arrive_before_the_beginning(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.down = {"phone"}
    run.happen(begun())
    run.advance(2)
    run.happen(ended())
    run.advance(100)
    run.down = set()
    run.advance(300)
    assert [one.kind for one in run.sent] == [MessageKind.ALERT, MessageKind.ENDED]


def test_a_condition_that_ends_within_after_s_is_not_sent(start_run: StartRun) -> None:
    run = start_run(a_rule(events=["ORDER_IN_DOUBT"], after_s=30))
    run.happen(begun("ORDER_IN_DOUBT", "EURUSD"))
    [waiting] = run.alerts()[0].deliveries
    assert waiting.waits_for.value == "DURATION"
    run.advance(29)
    run.happen(ended("ORDER_IN_DOUBT", "EURUSD"))
    run.advance(60)
    assert run.sent == []
    run.happen(begun("ORDER_IN_DOUBT", "EURUSD"))
    run.advance(29.9)
    assert run.sent == []
    run.advance(0.2)
    assert [one.alerts for one in run.sent] == [[2]]


def test_repeats_are_counted_and_told_with_the_next_message(start_run: StartRun) -> None:
    run = start_run(a_rule(repeat_s=60))
    for _ in range(6):
        run.happen(an_event())
        run.advance(5)
    assert [one.alerts for one in run.sent] == [[1]]
    assert run.alerts()[0].repeats == 5
    run.happen(an_event(subject="NZDUSD"))
    assert [one.alerts for one in run.sent] == [[1], [7]], "another subject is no repeat"
    run.advance(30)
    run.happen(an_event())
    assert "seen 5 more times since 2026-01-05 08:00:00+00:00" in run.sent[2].body


def test_a_repeated_condition_that_still_lasts_is_sent_when_the_time_is_over(start_run: StartRun) -> None:
    """A flapping condition is reported once in `repeat_s`, and never taken as ended while it lasts."""
    run = start_run(a_rule(repeat_s=60))
    run.happen(begun())
    run.advance(10)
    run.happen(ended())
    run.advance(10)
    run.happen(begun())
    run.advance(39)
    assert [one.kind for one in run.sent] == [MessageKind.ALERT, MessageKind.ENDED]
    run.advance(2)
    assert [(one.kind, one.alerts, one.at_s) for one in run.sent[2:]] == [(MessageKind.ALERT, [2], 60)]


def test_resumed_trading_ends_the_halt_without_a_second_message(start_run: StartRun) -> None:
    run = start_run(a_rule(), a_rule(name="grave", severity=Severity.WARNING, targets=["mail"]))
    run.happen(begun("TRADING_STATE", text="trading is HALTED", replaces=True))
    run.happen(an_event("TRADING_STATE", "", text="trading is ACTIVE", replaces=True))
    assert [(one.target, one.kind) for one in run.sent] == [
        ("phone", MessageKind.ALERT),
        ("mail", MessageKind.ALERT),
        ("phone", MessageKind.ALERT),
        ("mail", MessageKind.ENDED),
    ], "the phone gets the resumption itself, the mail only the end of the halt"
    assert run.alerts(open_only=True) == []


def test_the_same_differences_again_are_counted_with_the_first(start_run: StartRun) -> None:
    run = start_run(a_rule())
    differing = begun("RECONCILIATION_DIFFERENCE", text="missing_deal 7", replaces=True)
    run.happen(differing)
    run.happen(differing)
    run.happen(begun("RECONCILIATION_DIFFERENCE", text="missing_deal 7 and 8", replaces=True))
    assert [one.alerts for one in run.sent] == [[1], [2]]
    assert [one.repeats for one in run.alerts()] == [1, 0]
    run.happen(ended("RECONCILIATION_DIFFERENCE"))
    assert run.alerts(open_only=True) == []
