"""The checkpoint of a signal process: the state of each symbol's engine, from which a restart continues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from services.signal.core.symbol_engine import SymbolEngine


class EngineState(Struct, frozen=True):
    """The state of one symbol's engine; `strategy` is the name of its strategy with its parameters (`named`)."""

    symbol: str
    sequence: int
    snapshot: bytes
    strategy: str = ""
    """Empty in checkpoints of earlier versions."""


class Checkpoint(Struct, frozen=True):
    """The state from which all later signals follow; it belongs to one stream and one set of strategies."""

    stream_id: str
    strategy: str
    last_ordinal: int
    engines: tuple[EngineState, ...]


def engine_states(engines: Iterable[SymbolEngine]) -> tuple[EngineState, ...]:
    """Return the current states of the engines; after a strategy's fault, the last state before the fault."""
    # All snapshots are taken first: a snapshot may reveal a fault, after which the engine keeps an earlier state.
    snapshots = [(engine, engine.snapshot()) for engine in engines]
    return tuple(
        EngineState(engine.symbol, engine.kept_sequence, snapshot, engine.kept_strategy)
        for engine, snapshot in snapshots
        if engine.kept_strategy
    )


def fits(checkpoint: Checkpoint, engines: Mapping[str, SymbolEngine]) -> bool:
    """Whether each state in the checkpoint was made by the symbol's strategy with its parameters.

    An engine whose strategy must not be called accepts the state of any strategy. Symbols without an engine are
    ignored. A state without the name of a strategy, from an earlier version, does not fit.
    """
    return all(
        state.strategy and (state.symbol not in engines or engines[state.symbol].accepts(state.strategy))
        for state in checkpoint.engines
    )
