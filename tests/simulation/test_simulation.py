"""The whole desk under seeded faults: whatever is lost, doubled, late or killed, the trades are the undisturbed ones.

`SIMULATION_SEEDS=10000 make simulate` runs more seeds; `SIMULATION_FIRST=n` begins at another one. A failure names its
seed, which is all that is needed to play it again.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from services.portfolio.core.position import ZERO
from tests.simulation.scenario import CALM, Ending, play, setting_of

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "300"))
FIRST = int(os.environ.get("SIMULATION_FIRST", "0"))
BLOCK = 25


def replay_command(seed: int) -> str:
    """How to play one seed again."""
    return f"SIMULATION_FIRST={seed} SIMULATION_SEEDS=1 python -m pytest tests/simulation"


def assert_ledger_is_the_venues_book(ending: Ending, seed: int) -> None:
    """Orders, deals, positions and cash, compared without any of the desk's own reconciliation."""
    book, venue, again = ending.book, ending.venue, replay_command(seed)
    assert book.balance == venue.balance, again
    assert book.deals == venue.deals, again
    assert [(o.order_id, o.filled_volume, o.filled_price) for o in book.orders.values()] == [
        (o.order.order_id, o.order.filled_volume, o.order.filled_price) for o in venue.orders
    ], again
    ours = {s: p.net_volume for s, p in book.positions.items() if p.net_volume != ZERO}
    assert ours == {p.symbol: p.volume for p in venue.positions.values()}, again


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, BLOCK))
def test_a_disturbed_desk_ends_as_the_undisturbed_one(first: int) -> None:
    """Every seed finishes, agrees with the venue's book, and has the very trades of a calm world in lock-step."""
    tally: Counter[str] = Counter()
    for seed in range(first, min(first + BLOCK, FIRST + SEEDS)):
        setting = setting_of(seed)
        ending = play(seed, setting)
        assert ending.is_finished, f"{ending.why}; {replay_command(seed)}"
        assert_ledger_is_the_venues_book(ending, seed)
        calm = play(seed, setting, faults=CALM, window=1)
        assert calm.is_finished, calm.why
        assert ending.book.orders == calm.book.orders, replay_command(seed)
        assert ending.book.deals == calm.book.deals, replay_command(seed)
        assert ending.cursor == calm.cursor, replay_command(seed)
        tally.update(ending.tally)
        tally["orders"] += len(ending.book.orders)
    assert tally["orders"] > 0
    if SEEDS >= BLOCK:
        assert tally["lost"] > 0
        assert any(name.startswith("killed") for name in tally)


def test_one_seed_writes_one_log() -> None:
    """The same seed twice gives the same hash of everything that happened; another seed gives another."""
    hashes = [play(seed, setting_of(seed)).log_hash for seed in (3, 3, 4)]
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]
