"""What a signal process goes on from after a restart: the state of each symbol's engine and its strategy's name."""

from __future__ import annotations

from msgspec import Struct


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
