"""The cycle collector is off within a block and as before after it, and cycles within the block can be freed."""

from __future__ import annotations

import gc
import weakref

import pytest

from common.gc_control import collect_young, gc_frozen, gc_paused


class Linked:
    """An object that keeps itself alive, until the collector finds it."""

    def __init__(self) -> None:
        self.itself = self


def test_a_frozen_block_disables_the_collector_and_restores_it() -> None:
    with gc_frozen():
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_a_failing_block_restores_the_collector() -> None:
    with pytest.raises(ZeroDivisionError), gc_frozen():
        raise ZeroDivisionError
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_a_block_within_a_paused_and_frozen_process_leaves_it_so() -> None:
    with gc_frozen():
        with gc_paused(), gc_frozen():
            pass
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0


def test_a_young_cycle_is_freed_within_a_frozen_block() -> None:
    with gc_frozen():
        cycle = weakref.ref(Linked())
        assert cycle() is not None
        collect_young()
        assert cycle() is None
