"""Reports in signal's HELLO to portfolio on symbols that have a fault, are catching up or are warming up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import structs

from proto.messages import SymbolReport, SymbolState
from services.signal.core.backfill import Backfill
from services.signal.core.strategy_fault import shortened
from services.signal.core.symbol_engine import SymbolEngine

TEXTS_CHARS_MAX: Final = 16_384
"""Largest total length of all texts, so that a HELLO with any number of symbols fits into a frame."""

TEXT_CHARS_MAX: Final = 400


def symbol_reports(engines: Iterable[SymbolEngine], refills: Mapping[str, Backfill]) -> list[SymbolReport]:
    """Return a report for each symbol that has a fault, is catching up or is warming up, in the order of `engines`."""
    reports = [found for engine in engines if (found := _report(engine, refills.get(engine.symbol))) is not None]
    chars_max = TEXTS_CHARS_MAX // max(1, sum(bool(report.text) for report in reports))
    return [structs.replace(report, text=shortened(report.text, min(chars_max, TEXT_CHARS_MAX))) for report in reports]


def _report(engine: SymbolEngine, refill: Backfill | None) -> SymbolReport | None:
    if engine.fault is not None:
        return SymbolReport(engine.symbol, SymbolState.FAULT, 0, engine.fault.text)
    if refill is not None:
        return SymbolReport(engine.symbol, SymbolState.CATCHING_UP, max(0, refill.target - engine.sequence), "")
    return SymbolReport(engine.symbol, SymbolState.WARMING_UP, 0, "") if engine.is_warming_up else None
