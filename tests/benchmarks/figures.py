"""Quantiles of latencies, rows of the table, and the output of a benchmark."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

WIDTH_IN_A_FILE: Final = 120
"""Width of the table in characters if the output is not a terminal."""


def quantiles_us(latencies_ns: Sequence[int]) -> dict[str, float]:
    """p50, p99 and p99.9 in microseconds."""
    p50, p99, p999 = np.quantile(np.asarray(latencies_ns, dtype=np.float64) / 1_000, [0.5, 0.99, 0.999])
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1), "p999": round(float(p999), 1)}


def ratios(ours: dict[str, float], floor: dict[str, float]) -> dict[str, float]:
    """Ratios of the desk's quantiles to those of the lower bound."""
    return {name: round(ours[name] / floor[name], 2) for name in ours}


def row(name: str, ours: Any, beside: Any = "", ratio: Any = "") -> tuple[str, str, str, str]:
    """A row of the table: the value of the desk, the value that it is compared with, and the ratio."""
    return name, str(ours), str(beside), str(ratio)


def publish(figures: dict[str, Any], table: Table, path: Path | None) -> Console:
    """Write the figures as JSON to a file, if there is one, print the table, and return the console."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2, sort_keys=True))
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_IN_A_FILE)
    console.print(table)
    return console
