"""Control of the garbage collector while many objects are loaded."""

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
