"""What a signal process goes on from after a restart: the state of each symbol's engine, and of which strategies it is."""

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
    """What decides everything that is said from here on; it belongs to one stream and one strategy."""

    stream_id: str
    strategy: str
    last_ordinal: int
    engines: tuple[EngineState, ...]
