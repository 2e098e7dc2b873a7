"""Rows of a tick source are judged as a plain loop over them would."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.tick_validation import ACCEPTED, PRICE_MIN, REASONS, TIME_NS_MAX, rejected_by_reason, validate_rows
from proto.trading.units import PRICE_MAX

times = st.sampled_from([-1, 0, 1, 2, 3, TIME_NS_MAX, TIME_NS_MAX + 1])
prices = st.sampled_from([1.0, 1.1, 1.2, 0.0, -1.0, math.nan, math.inf, -math.inf, 1e-13, 1e13])
volumes = st.sampled_from([0.0, 0.0, 0.0, 5.0, -1.0, math.nan])
tables = st.lists(st.tuples(times, prices, prices, volumes), max_size=30)
lively = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from([1.0, 1.1]), st.sampled_from([1.0, 1.1]), st.just(0.0)), max_size=30
)


def judged(rows: list[tuple[int, float, float, float]], *, accept_crossed: bool) -> list[str]:
    columns = [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.zeros(0)] * 4
    time_ns, bid, ask, volume = columns
    verdict = validate_rows(
        time_ns.astype(np.int64),
        bid.astype(np.float64),
        ask.astype(np.float64),
        volume.astype(np.float64),
        accept_crossed=accept_crossed,
    )
    return [REASONS[code] for code in verdict]


def judged_one_by_one(rows: list[tuple[int, float, float, float]], *, accept_crossed: bool) -> list[str]:
    last: tuple[int, float, float] | None = None
    reasons = []
    for time_ns, bid, ask, volume in rows:
        if not (math.isfinite(bid) and math.isfinite(ask) and math.isfinite(volume)):
            reason = "not_finite"
        elif bid <= 0 or ask <= 0:
            reason = "not_positive"
        elif not is_in_range(time_ns, bid, ask, volume):
            reason = "out_of_range"
        elif bid > ask and not accept_crossed:
            reason = "crossed"
        elif last is not None and time_ns < last[0]:
            reason = "out_of_order"
        elif (time_ns, bid, ask) == last:
            reason = "duplicate"
        else:
            reason = ""
            last = (time_ns, bid, ask)
        reasons.append(reason)
    return reasons


def is_in_range(time_ns: int, bid: float, ask: float, volume: float) -> bool:
    prices_fit = min(bid, ask) >= PRICE_MIN and max(bid, ask) <= PRICE_MAX
    return prices_fit and 0 <= volume <= PRICE_MAX and 0 <= time_ns <= TIME_NS_MAX


@given(rows=st.one_of(tables, lively), accept_crossed=st.booleans())
def test_columns_are_judged_like_rows_one_by_one(
    rows: list[tuple[int, float, float, float]], accept_crossed: bool
) -> None:
    assert judged(rows, accept_crossed=accept_crossed) == judged_one_by_one(rows, accept_crossed=accept_crossed)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((5, 1.1, 1.0, 0.0), "crossed"),
        ((5, math.nan, 1.0, 0.0), "not_finite"),
        ((5, 0.0, 1.0, 0.0), "not_positive"),
        ((4, 1.0, 1.1, 0.0), "out_of_order"),
        ((5, 1.0, 1.1, 0.0), "duplicate"),
        ((5, 1.0, 1.2, 0.0), ""),
    ],
)
def test_a_row_after_an_accepted_one_at_5(row: tuple[int, float, float, float], reason: str) -> None:
    assert judged([(5, 1.0, 1.1, 0.0), row], accept_crossed=False) == ["", reason]


def test_a_rejected_row_does_not_make_the_next_one_late() -> None:
    rows = [(5, 1.0, 1.1, 0.0), (9, 1.1, 1.0, 0.0), (6, 1.0, 1.1, 0.0)]
    assert judged(rows, accept_crossed=False) == ["", "crossed", ""]


def test_only_reasons_that_occurred_are_counted() -> None:
    assert rejected_by_reason(np.array([ACCEPTED, 4, 4, 6], dtype=np.uint8)) == {"crossed": 2, "duplicate": 1}
