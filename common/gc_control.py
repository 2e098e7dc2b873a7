"""Control of the garbage collector while many objects are loaded or kept."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Disable the cycle collector within the block.

    A load creates hundreds of thousands of objects, none of them garbage. The collector would traverse all of them each
    time their number grew by a quarter.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def freeze() -> None:
    """Exempt all current objects from collection, so that later collections are shorter."""
    gc.freeze()


@contextmanager
def gc_frozen() -> Iterator[None]:
    """Exempt all current objects from collection and disable the cycle collector within the block.

    For a long run that keeps most of its objects: the collector would traverse them again and again. The block calls
    `collect_young` from time to time, so that cycles which a strategy leaves behind do not add up.
    """
    was_frozen = gc.get_freeze_count() > 0
    gc.freeze()
    try:
        with gc_paused():
            yield
    finally:
        if not was_frozen:
            gc.unfreeze()


def collect_young() -> None:
    """Free the cycles among the objects made since the last call; each object is traversed only once."""
    gc.collect(0)
