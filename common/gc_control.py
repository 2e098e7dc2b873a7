"""Loading much at once without the garbage collector going over all of it again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Hold the cycle collector back until the block is left.

    A load makes hundreds of thousands of objects, none of which is garbage, and the collector would walk all of them
    each time their number has grown by a quarter.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def freeze() -> None:
    """Take all that lives now for permanent: the collector does not look at it again, so that nothing pauses for it."""
    gc.freeze()
