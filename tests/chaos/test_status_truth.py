"""The comparison of a status with the venue's deals finds silence and false alarms, and accepts a true status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from proto.control import Condition, condition
from verification.chaos.status_truth import Breach, OpeningDeal, StatusSample, find_violations

SYMBOLS = ("EURUSD", "USDJPY")
HALT = condition("GATEWAY_SILENT", "no answer from the gateway")
OF_SYMBOL = condition("ORDER_IN_DOUBT", "1 order in doubt", subject="EURUSD")
WARNING = condition("DRAWDOWN_WARNING", "the drawdown is 3 %")


def samples(seconds: int, shown: Mapping[range, tuple[Condition, ...] | None]) -> list[StatusSample]:
    """One sample for each second, with the conditions of `shown` for that second."""
    return [
        StatusSample(float(second), next((found for when, found in shown.items() if second in when), ()))
        for second in range(seconds)
    ]


def deals(symbol: str, *seconds: Iterable[int]) -> list[OpeningDeal]:
    """Two deals in each second."""
    return [OpeningDeal(second + part, symbol) for some in seconds for second in some for part in (0.2, 0.7)]


def judged(found: list[StatusSample], *made: list[OpeningDeal]) -> list[tuple[float, Breach, str]]:
    every = sorted((deal for some in made for deal in some), key=lambda deal: deal.at_s)
    return [(one.at_s, one.breach, one.subject) for one in find_violations(found, every, SYMBOLS)]


def test_the_status_of_a_trading_desk_without_conditions_is_true() -> None:
    assert judged(samples(20, {}), deals("EURUSD", range(20)), deals("USDJPY", range(20))) == []


def test_a_symbol_without_trades_and_conditions_is_a_violation_at_each_second() -> None:
    """The last deal is at 5.7 s, so each sample from 9 s is a violation, until the next deal."""
    found = judged(samples(20, {}), deals("EURUSD", range(6), range(12, 20)), deals("USDJPY", range(20)))
    assert found == [(second, Breach.SILENT, "EURUSD") for second in (9.0, 10.0, 11.0)]


@pytest.mark.parametrize("shown", [(HALT,), (OF_SYMBOL,), None])
def test_the_status_of_a_symbol_without_trades_is_true_under_a_condition(shown: tuple[Condition, ...] | None) -> None:
    found = samples(20, {range(8, 12): shown})
    assert judged(found, deals("EURUSD", range(6), range(12, 20)), deals("USDJPY", range(6), range(8, 20))) == []


@pytest.mark.parametrize(
    "shown",
    [(WARNING,), (condition("ORDER_IN_DOUBT", "1 order in doubt", subject="USDJPY"),)],
    ids=["without effect", "of another symbol"],
)
def test_a_condition_of_another_symbol_or_without_effect_does_not_explain_missing_trades(
    shown: tuple[Condition, ...],
) -> None:
    found = judged(samples(12, {range(6, 12): shown}), deals("EURUSD", range(6)), deals("USDJPY", range(6)))
    assert (9.0, Breach.SILENT, "EURUSD") in found


def test_the_first_deal_after_a_condition_must_come_within_the_grace_time() -> None:
    """The condition ends at 10 s. A deal at 13.2 s is in time; if the first deal is at 15.2 s, 14 s is a violation."""
    found = samples(20, {range(5, 11): (HALT,)})
    steady = deals("USDJPY", range(5), range(11, 20))
    assert judged(found, deals("EURUSD", range(5), range(13, 20)), steady) == []
    assert judged(found, deals("EURUSD", range(5), range(15, 20)), steady) == [(14.0, Breach.SILENT, "EURUSD")]


def test_trading_under_a_shown_halt_is_a_false_alarm() -> None:
    """The halt is shown from 5 s. The deal at 8.7 s contradicts it, and each sample from 12 s is a violation."""
    found = judged(samples(14, {range(5, 14): (HALT,)}), deals("EURUSD", range(14)), deals("USDJPY", range(8)))
    assert found == [(12.0, Breach.FALSE_ALARM, "EURUSD"), (13.0, Breach.FALSE_ALARM, "EURUSD")]


def test_a_condition_that_ends_within_three_seconds_of_the_first_deal_is_true() -> None:
    shown = samples(20, {range(5, 14): (HALT,)})
    assert judged(shown, deals("EURUSD", range(5), range(11, 20)), deals("USDJPY", range(5), range(13, 20))) == []


def test_a_condition_that_ends_and_begins_anew_is_not_a_false_alarm() -> None:
    shown = {range(5, 8): (HALT,), range(9, 12): (HALT,)}
    assert judged(samples(14, shown), deals("EURUSD", range(14)), deals("USDJPY", range(14))) == []


def test_a_condition_with_another_number_of_orders_in_doubt_is_a_new_condition() -> None:
    one, other = (condition("ORDER_IN_DOUBT", f"{count} in doubt", subject="EURUSD") for count in (1, 2))
    shown = {range(4, 8): (one,), range(8, 13): (other,)}
    assert judged(samples(14, shown), deals("EURUSD", range(14)), deals("USDJPY", range(14))) == []
    assert judged(samples(14, {range(4, 13): (one,)}), deals("EURUSD", range(14)), deals("USDJPY", range(14))) == [
        (second, Breach.FALSE_ALARM, "EURUSD") for second in (11.0, 12.0)
    ]


def test_trades_of_a_symbol_that_is_catching_up_are_not_a_false_alarm() -> None:
    late = (condition("SIGNAL_CATCHING_UP", "900 ticks behind", subject="EURUSD"),)
    assert judged(samples(20, {range(4, 20): late}), deals("EURUSD", range(20)), deals("USDJPY", range(20))) == []
