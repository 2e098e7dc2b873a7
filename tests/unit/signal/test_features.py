"""Features: their formulas, equal bits live and in training, and no use of later ticks."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.project_root import PROJECT_ROOT
from services.signal.core.features.kernel import feature_rows, fill_features
from services.signal.core.features.schema import FEATURE_NAMES, FEATURES, POINT_PER_PRICE, WINDOW_TICKS, schema_sha256
from services.signal.core.tick_buffer import TickBuffer

Columns = tuple[Any, Any, Any, Any]
DAY_NS = 86_400_000_000_000


def market(*, count: int = 400, seed: int = 1) -> Columns:
    """Return a random walk with five digits, ticks without a price change, volumes and irregular times."""
    random = np.random.default_rng(seed)
    mid = 1.1 + np.cumsum(random.normal(0, 4e-5, count) * (random.random(count) < 0.8))
    bid = np.round(mid, 5)
    ask = np.round(bid + random.integers(0, 4, count) * 1e-5, 5)
    times = 1_400_000_000_000_000_000 + np.cumsum(random.integers(0, 2_000, count)) * 1_000_000
    return times, bid, ask, random.integers(0, 5, count).astype(float)


def expected(time_ns: Any, bid: Any, ask: Any, volume: Any) -> dict[str, float]:
    """Return the features of one window, computed with numpy by the formulas of docs/features.md."""
    mid = (bid + ask) / 2
    steps = np.diff(mid)
    change = steps / mid[:-1] * 1e4
    spread = ask - bid
    median = np.sort(spread)[49]
    seconds = np.diff(time_ns) / 1e9
    turn = 2 * np.pi * (time_ns[-1] % DAY_NS) / DAY_NS
    run = 0
    while run < 99 and change[-1 - run] * change[-1] > 0:
        run += 1

    def rsi(changes: int) -> float:
        last = change[-changes:]
        moved = np.abs(last).sum()
        return float(last[last > 0].sum() / moved) if moved else 0.5

    found = {f"return_{n}": (mid[-1] / mid[-1 - n] - 1) * 1e4 for n in (1, 5, 10, 20, 50, 99)}
    found |= {f"volatility_{n}": np.sqrt((change[-n:] ** 2).sum()) for n in (20, 99)}
    found["volatility_ratio"] = found["volatility_20"] / found["volatility_99"] * np.sqrt(99 / 20)
    found["spread"] = spread[-1] / mid[-1] * 1e4
    found["spread_median"] = median / mid[-1] * 1e4
    found["spread_to_median"] = spread[-1] / max(median, mid[-1] * POINT_PER_PRICE)
    found |= {f"z_score_{n}": (mid[-1] - mid[-n:].mean()) / mid[-n:].std() for n in (20, 100)}
    found["range_position"] = (mid[-1] - mid.min()) / (mid.max() - mid.min())
    found |= {f"rsi_{n}": rsi(n) for n in (14, 50)}
    found |= {f"tick_imbalance_{n}": np.sign(change[-n:]).mean() for n in (20, 99)}
    found["run_length"] = run * np.sign(change[-1])
    found["quote_pressure_20"] = ((np.diff(bid)[-20:] > 0).sum() - (np.diff(ask)[-20:] < 0).sum()) / 20
    found["efficiency_50"] = (mid[-1] - mid[-51]) / np.abs(steps[-50:]).sum()
    found["autocorrelation_50"] = (change[-50:] * change[-51:-1]).sum() / (change[-50:] ** 2).sum()
    found["interval"] = seconds[-1]
    found["interval_mean_20"], found["interval_mean_99"] = seconds[-20:].mean(), seconds.mean()
    found["interval_ratio"] = seconds[-20:].mean() / seconds.mean()
    found["volume_ratio"] = volume[-20:].mean() / volume.mean()
    found["time_of_day_sin"], found["time_of_day_cos"] = np.sin(turn), np.cos(turn)
    return {name: float(value) for name, value in found.items()}


def test_each_feature_equals_its_documented_formula() -> None:
    columns = market()
    rows = feature_rows(*columns)
    for end in range(WINDOW_TICKS, len(columns[0]) + 1, 7):
        window = expected(*(column[end - WINDOW_TICKS : end] for column in columns))
        assert set(window) == set(FEATURE_NAMES)
        np.testing.assert_allclose(
            rows[end - WINDOW_TICKS],
            [window[name] for name in FEATURE_NAMES],
            rtol=2e-6,
            atol=2e-5,
            err_msg=f"tick {end}",
        )


def test_features_tick_by_tick_and_in_one_pass_have_the_same_bits() -> None:
    columns = market(count=700)
    rows = feature_rows(*columns)
    buffer, row = TickBuffer(), np.empty((1, len(FEATURE_NAMES)), dtype=np.float32)
    for number, (time_ns, bid, ask, volume) in enumerate(zip(*columns, strict=True)):
        buffer.append(int(time_ns), float(bid), float(ask), float(volume))
        if buffer.count == WINDOW_TICKS:
            fill_features(buffer.time_ns, buffer.bid, buffer.ask, buffer.volume, row)
            assert row.tobytes() == rows[number - WINDOW_TICKS + 1].tobytes(), number


@given(seed=st.integers(0, 2**32), cut=st.integers(WINDOW_TICKS, 399))
@settings(max_examples=25, deadline=None)
def test_later_ticks_do_not_change_earlier_rows(seed: int, cut: int) -> None:
    columns = market(seed=seed)
    other = market(seed=seed + 1)
    changed = tuple(np.concatenate([ours[:cut], theirs[cut:]]) for ours, theirs in zip(columns, other, strict=True))
    rows = cut - WINDOW_TICKS + 1
    assert feature_rows(*columns)[:rows].tobytes() == feature_rows(*changed)[:rows].tobytes()
    assert feature_rows(*(column[:cut] for column in columns)).tobytes() == feature_rows(*columns)[:rows].tobytes()


@pytest.mark.parametrize("column", range(len(FEATURE_NAMES)), ids=FEATURE_NAMES)
def test_a_feature_depends_on_exactly_the_declared_number_of_ticks(column: int) -> None:
    """Ticks before the declared ones do not change the feature. The oldest declared tick changes it in some window."""
    ticks, shows = FEATURES[column].ticks, False
    for seed in range(40):
        columns = market(count=WINDOW_TICKS, seed=seed)
        before = feature_rows(*columns)[0, column]
        for first, differs in ((WINDOW_TICKS - ticks, False), (WINDOW_TICKS - ticks + 1, True)):
            changed = [values.copy() for values in columns]
            for values, by in zip(changed, (-7_000_000_000, 0.01, 0.012, 3.0), strict=True):
                values[:first] += by
            after = feature_rows(*changed)[0, column]
            if differs:
                shows = shows or after != before
            else:
                assert after == before
    # The random walks have no run of 99 changes in one direction, in which run_length would depend on the oldest tick.
    assert shows or FEATURE_NAMES[column] == "run_length"


def test_features_are_finite_for_constant_prices_and_for_crossed_quotes() -> None:
    still = (np.full(120, 1_400_000_000_000_000_000), np.full(120, 1.1), np.full(120, 1.1), np.zeros(120))
    times, bid, ask, volume = market()
    for columns in (still, (times, ask + 1e-5, bid, volume)):
        assert np.isfinite(feature_rows(*columns)).all()
    row = dict(zip(FEATURE_NAMES, feature_rows(*still)[0].tolist(), strict=True))
    assert row["spread_to_median"] == row["z_score_100"] == row["volatility_ratio"] == 0
    assert row["rsi_14"] == row["range_position"] == 0.5
    assert row["interval_ratio"] == row["volume_ratio"] == 1


def test_fewer_ticks_than_a_window_give_no_row() -> None:
    assert feature_rows(*market(count=99)).shape == (0, len(FEATURE_NAMES))
    assert feature_rows(*market(count=100)).shape == (1, len(FEATURE_NAMES))


def test_read_only_columns_are_accepted() -> None:
    columns = market()
    for column in columns:
        column.setflags(write=False)
    assert len(feature_rows(*columns)) == 301


def test_the_page_describes_each_feature_with_unit_and_warm_up() -> None:
    page = (PROJECT_ROOT / "docs" / "features.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \| (\d+) \|$", page, flags=re.MULTILINE)
    assert [(name, unit, int(ticks)) for name, _, unit, ticks in rows] == [
        (feature.name, feature.unit, feature.ticks) for feature in FEATURES
    ]
    assert schema_sha256() in page


def test_the_digits_of_features_change_only_with_a_new_version() -> None:
    """If the digits change, increase the feature's version in `schema.py`, and store the new hashes here."""
    rows = feature_rows(*market(count=300, seed=5))
    assert (schema_sha256()[:16], hashlib.sha256(rows.tobytes()).hexdigest()[:16]) == (
        "5e62a1eb541b3878",
        "992554a494418aec",
    )
