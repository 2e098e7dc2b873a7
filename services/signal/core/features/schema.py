"""The input of a model: names of the features of a window of ticks, and a hash that identifies the set of features.

The formulas are in `kernel.py` and in `docs/features.md`. No feature has the unit of a price, so that one model can be
used for several symbols. If a formula changes, its `version` here must be increased. This changes the hash of the
schema, and models for the old hash are refused.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final, NamedTuple

from services.signal.core.tick_buffer import BUFFER_TICKS

WINDOW_TICKS: Final = BUFFER_TICKS
"""Number of latest ticks in a window. A feature depends on no other ticks."""

POINT_PER_PRICE: Final = 1e-5
"""Assumed size of a point as a fraction of the mid price.

It is the same for all symbols, because a strategy does not get the digits of its symbol.
"""


class Feature(NamedTuple):
    """One number of a row; `ticks` is the number of latest ticks that it depends on."""

    name: str
    unit: str
    ticks: int
    parameters: tuple[tuple[str, float], ...] = ()
    version: int = 1


def _over(name: str, unit: str, changes: int) -> Feature:
    """Return a feature that depends on the latest `changes` changes from tick to tick."""
    return Feature(name, unit, changes + 1, (("changes", changes),))


FEATURES: Final[tuple[Feature, ...]] = (
    _over("return_1", "bp", 1),
    _over("return_5", "bp", 5),
    _over("return_10", "bp", 10),
    _over("return_20", "bp", 20),
    _over("return_50", "bp", 50),
    _over("return_99", "bp", 99),
    _over("volatility_20", "bp", 20),
    _over("volatility_99", "bp", 99),
    Feature("volatility_ratio", "ratio", 100, (("short", 20), ("long", 99))),
    Feature("spread", "bp", 1),
    Feature("spread_median", "bp", 100),
    Feature("spread_to_median", "ratio", 100, (("point_per_price", POINT_PER_PRICE),)),
    Feature("z_score_20", "deviations", 20, (("ticks", 20),)),
    Feature("z_score_100", "deviations", 100, (("ticks", 100),)),
    Feature("range_position", "part", 100, (("ticks", 100),)),
    _over("rsi_14", "part", 14),
    _over("rsi_50", "part", 50),
    _over("tick_imbalance_20", "part", 20),
    _over("tick_imbalance_99", "part", 99),
    _over("run_length", "ticks", 99),
    _over("quote_pressure_20", "part", 20),
    _over("efficiency_50", "part", 50),
    Feature("autocorrelation_50", "part", 52, (("changes", 50), ("lag", 1))),
    _over("interval", "s", 1),
    _over("interval_mean_20", "s", 20),
    _over("interval_mean_99", "s", 99),
    Feature("interval_ratio", "ratio", 100, (("short", 20), ("long", 99))),
    Feature("volume_ratio", "ratio", 100, (("short", 20), ("long", 100))),
    Feature("time_of_day_sin", "part", 1),
    Feature("time_of_day_cos", "part", 1),
)

FEATURE_NAMES: Final = tuple(feature.name for feature in FEATURES)


def schema_sha256() -> str:
    """Return the SHA-256 of the window length and of each feature's name, version and parameters, in order."""
    schema = {
        "window_ticks": WINDOW_TICKS,
        "features": [[feature.name, feature.version, dict(feature.parameters)] for feature in FEATURES],
    }
    return hashlib.sha256(json.dumps(schema, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
