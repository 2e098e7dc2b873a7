"""Flow control of a WebSocket at given times."""

from __future__ import annotations

import pytest

from proto.time import SECOND_NS
from services.web.live.flow import ANSWERS_MAX, IN_FLIGHT_MAX, SILENT_NS, AnswerError, Flow


def test_a_new_client_gets_a_message_even_if_it_has_the_newest_number() -> None:
    flow = Flow(0, has_number=7)
    assert flow.is_due(7)
    flow.sent(7)
    assert not flow.is_due(7)
    assert flow.is_due(8)


def test_at_most_ten_messages_are_in_flight_and_further_numbers_are_merged() -> None:
    flow = Flow(0)
    for number in range(1, IN_FLIGHT_MAX + 1):
        assert flow.is_due(number)
        flow.sent(number)
    assert not flow.is_due(50)
    flow.answer(1, 0)
    assert flow.is_due(50)
    flow.sent(50)
    assert flow.in_flight == IN_FLIGHT_MAX
    assert not flow.is_due(51)
    flow.answer(50, 0)
    assert flow.in_flight == 0


def test_a_client_is_silent_ten_seconds_after_its_last_answer() -> None:
    flow = Flow(SECOND_NS)
    flow.sent(1)
    assert not flow.is_silent(SECOND_NS + SILENT_NS - 1)
    assert flow.is_silent(SECOND_NS + SILENT_NS)
    flow.answer(1, 5 * SECOND_NS)
    assert not flow.is_silent(SECOND_NS + SILENT_NS)
    assert flow.is_silent(5 * SECOND_NS + SILENT_NS)


def test_an_answer_with_an_older_number_is_an_answer() -> None:
    flow = Flow(0)
    flow.sent(1)
    flow.sent(2)
    flow.answer(2, 0)
    flow.answer(1, SILENT_NS - 1)
    assert not flow.is_silent(SILENT_NS)
    assert flow.in_flight == 0


def test_a_number_that_was_not_sent_is_refused() -> None:
    flow = Flow(0, has_number=5)
    with pytest.raises(AnswerError, match="drawn is 5, expected at most 5"):
        flow.answer(5, 0)
    flow.sent(6)
    flow.answer(6, 0)
    with pytest.raises(AnswerError, match="drawn is 7, expected at most 6"):
        flow.answer(7, 0)


def test_too_many_answers_in_a_second_are_refused() -> None:
    flow = Flow(0)
    flow.sent(1)
    for at in range(ANSWERS_MAX):
        flow.answer(1, at)
    flow.answer(1, SECOND_NS)
    with pytest.raises(AnswerError, match="more than 20 answers in a second"):
        flow.answer(1, SECOND_NS)
