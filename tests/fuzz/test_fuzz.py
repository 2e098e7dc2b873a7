"""A short fuzzing run. `make fuzz FRAMES=10000000` starts a long one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fuzz import decoders, sockets
from tests.fuzz.frames import Frames, seeds

FRAMES = int(os.environ.get("FUZZ_FRAMES", "40000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))


@pytest.mark.parametrize("name", decoders.DECODERS)
def test_every_frame_of_the_corpus_is_a_message_or_refused(name: str) -> None:
    for seed in seeds():
        decoders.check_decoder(name, seed)
        decoders.call_wire_functions(seed)


def test_each_decoder_accepts_a_frame_of_the_corpus() -> None:
    """A decoder that accepts no frame would refuse all mutated frames at its first check."""
    for name in decoders.DECODERS:
        assert any(decoders.check_decoder(name, seed) for seed in seeds()), name


def test_every_decoder_accepts_or_refuses_arbitrary_frames() -> None:
    found = decoders.run(FRAMES, SEED)
    assert sum(counts["frames"] for counts in found.values()) == FRAMES
    assert all(counts["messages"] for name, counts in found.items() if name != "wire"), found


def test_the_same_seed_gives_the_same_frames() -> None:
    one, other = Frames(SEED), Frames(SEED)
    assert [one.next() for _ in range(1_000)] == [other.next() for _ in range(1_000)]


def test_malformed_frames_neither_change_a_desk_nor_end_its_processes(tmp_path: Path) -> None:
    found = sockets.run(tmp_path, FRAMES // 10, SEED)
    assert sum(found["frames"].values()) == FRAMES // 10
