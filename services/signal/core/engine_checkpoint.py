"""The checkpoint of a signal process: the state of each symbol's engine, from which a restart continues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from services.signal.core.symbol_engine import SymbolEngine


class EngineState(Struct, frozen=True):
    """One symbol's part of a checkpoint."""

    symbol: str
    sequence: int
    snapshot: bytes
    strategy: str = ""
    """Empty in checkpoints of earlier versions."""


class Checkpoint(Struct, frozen=True):
    """The state that decides every later signal; it belongs to one stream and one choice of strategies."""

    stream_id: str
    strategy: str
    last_ordinal: int
    engines: tuple[EngineState, ...]


def engine_states(engines: Iterable[SymbolEngine]) -> tuple[EngineState, ...]:
    """The states of the engines as they are now."""
    # A snapshot may find out that its strategy is at fault, and the state kept is then an earlier one.
    snapshots = [(engine, engine.snapshot()) for engine in engines]
    return tuple(
        EngineState(engine.symbol, engine.kept_sequence, snapshot, engine.kept_strategy)
        for engine, snapshot in snapshots
        if engine.kept_strategy
    )


def fits(checkpoint: Checkpoint, engines: Mapping[str, SymbolEngine]) -> bool:
    """Whether each symbol's state is of its strategy: those out of use, now or when it was saved, do not count."""
    return all(
        state.strategy and (state.symbol not in engines or engines[state.symbol].accepts(state.strategy))
        for state in checkpoint.engines
    )
