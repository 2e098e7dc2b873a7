"""Seeded quotes of several symbols over 13 days, in bursts; half of the bursts are around the server's midnight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from tests.venue_by_document.server_clock import MINUTE_NS, SECOND_NS, SERVER

MS_NS: Final = 1_000_000
DAYS: Final = 13
BURST_TICKS: Final = 30
EDGE_SHARE: Final = 0.5
"""Share of the bursts that are around the server's midnight, when sessions end, swap is booked, and spreads widen."""


@dataclass(frozen=True, kw_only=True)
class QuoteModel:
    """Parameters of a symbol's quotes; `step` and `spread` are in units of `grain`, the smallest step of a quote.

    If the tick size is larger than the grain, quotes need not be multiples of the tick size, but order prices must.
    """

    symbol: str
    price: float
    grain: float
    decimals: int
    step: float
    spread: int


MODELS: Final = {
    model.symbol: model
    for model in (
        QuoteModel(symbol="XAUUSD", price=2_031.40, grain=0.01, decimals=2, step=25, spread=18),
        QuoteModel(symbol="EURUSD", price=1.08510, grain=0.00001, decimals=5, step=6, spread=3),
        QuoteModel(symbol="USDJPY", price=150.120, grain=0.001, decimals=3, step=8, spread=5),
        QuoteModel(symbol="EURJPY", price=162.890, grain=0.001, decimals=3, step=10, spread=7),
        QuoteModel(symbol="USDKWD", price=0.30720, grain=0.00001, decimals=5, step=1, spread=4),
        QuoteModel(symbol="KWDJPY", price=488.670, grain=0.001, decimals=3, step=20, spread=9),
        QuoteModel(symbol="US30", price=38_905.5, grain=0.1, decimals=1, step=30, spread=15),
        QuoteModel(symbol="BTCUSD", price=64_010.0, grain=0.1, decimals=1, step=40, spread=20),
    )
}


FINE_GOLD: Final = QuoteModel(symbol="XAUUSD", price=2_031.401, grain=0.001, decimals=3, step=60, spread=40)
"""Gold quoted with three digits, for terms with a tick size of 0.01."""


def write_quotes(
    folder: Path, models: Sequence[QuoteModel], *, start_ns: int, bursts: int, seed: int
) -> dict[str, Path]:
    """Write a tick file for each symbol; the symbols have most bursts in common."""
    random = np.random.default_rng(seed)
    begins = _burst_begins(random, start_ns=start_ns, bursts=bursts)
    files = {}
    for number, model in enumerate(models):
        times = _times(random, begins, first_ns=start_ns + number)
        files[model.symbol] = folder / f"{model.symbol}.parquet"
        _quotes(random, model, times).write_parquet(files[model.symbol])
    return files


def _burst_begins(random: np.random.Generator, *, start_ns: int, bursts: int) -> Any:
    anywhere = start_ns + random.integers(0, DAYS * 24 * 60, bursts) * MINUTE_NS
    first = SERVER.day(start_ns) + 1
    midnights = np.array([SERVER.midnight_ns(first + day) for day in range(DAYS)])
    edges = midnights[random.integers(0, DAYS, bursts)] + random.integers(-6 * 60, 70 * 60, bursts) * SECOND_NS
    begins = np.where(random.random(bursts) < EDGE_SHARE, edges, anywhere)
    return np.sort(begins[begins > start_ns])


def _times(random: np.random.Generator, begins: Any, *, first_ns: int) -> Any:
    """Times of ticks: `first_ns`, then 30 ticks in each of about 80% of the bursts, with pauses of 3 ms to 40 s."""
    found = [np.array([first_ns])]
    for begin in begins[random.random(begins.size) < 0.8]:
        pauses_ms = np.round(10 ** random.uniform(0.5, 4.6, BURST_TICKS))
        found.append(begin + np.cumsum(pauses_ms).astype(np.int64) * MS_NS)
    return np.unique(np.concatenate(found))


def _quotes(random: np.random.Generator, model: QuoteModel, times: Any) -> pl.DataFrame:
    """A random walk with larger moves after longer pauses; about one spread in 20 is four times as wide."""
    rest_s = np.minimum(np.diff(times, prepend=times[0]) / SECOND_NS, 3_600)
    middle = model.price / model.grain + np.cumsum(
        random.normal(0, model.step, times.size) * (0.3 + np.sqrt(rest_s / 20))
    )
    spread = np.maximum(1, random.poisson(model.spread, times.size)) * np.where(random.random(times.size) < 0.05, 4, 1)
    bid = np.floor(middle - spread / 2)
    columns = {"bid": bid * model.grain, "ask": (bid + spread) * model.grain}
    rounded = {name: np.round(values, model.decimals) for name, values in columns.items()}
    return pl.DataFrame({"ts_ns": times.astype(np.int64), **rounded})
