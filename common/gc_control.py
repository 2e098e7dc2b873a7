"""Control of the garbage collector for loads of many objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the cycle collector within the block.

    A load makes hundreds of thousands of objects, none of them garbage; the collector would walk all of them each time
    their number grows by a quarter.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def freeze() -> None:
    """Exempt all current objects from collection, so that no later pause walks them."""
    gc.freeze()
