"""A lock-step desk under seeded losses, duplicates, delays and kills has the same trades as without faults.

`make simulate SEEDS=10000` runs more seeds. The environment variable SIMULATION_FIRST sets the first seed. A failure
names the seed and the command that repeats its run.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from services.portfolio.core.account.book import Book
from tests.simulation.agreement import assert_the_same_account
from tests.simulation.ledger import fold, kept
from tests.simulation.scenario import CALM, play, setting_of
from tests.support.accounts import account_state

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "125"))
FIRST = int(os.environ.get("SIMULATION_FIRST", "0"))
BLOCK = 25
KEPT_EVERY = 5
"""Every run whose seed is a multiple of this number is also written to a real ledger."""


def replay_command(seed: int) -> str:
    """The command that repeats the run of one seed."""
    return f"SIMULATION_FIRST={seed} SIMULATION_SEEDS=1 python -m pytest tests/simulation"


def kinds_of(book: Book) -> Counter[str]:
    """Counts of the orders by final status, and by type and cause; of the deals by reason; and of changed stops."""
    found = Counter(order.status.value for order in book.orders.values())
    found.update(f"{order.type} {order.decision.cause}" for order in book.orders.values())
    found.update(deal.reason.value for deal in book.deals)
    found.update("changed stops" for guard in book.protections.values() if guard.revision)
    return found


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, BLOCK))
def test_a_desk_with_faults_has_the_same_trades_as_one_without(first: int, tmp_path: Path) -> None:
    """The run of every seed finishes, agrees with the venue, and has the same trades as a run without faults."""
    tally: Counter[str] = Counter()
    for seed in range(first, min(first + BLOCK, FIRST + SEEDS)):
        setting, again = setting_of(seed), replay_command(seed)
        ending = play(seed, setting)
        assert ending.is_finished, f"{ending.why}; {again}"
        assert_the_same_account(ending.book, ending.venue, again)
        assert account_state(ending.book) == account_state(fold(ending.ledger)[0]), again
        calm = play(seed, setting, faults=CALM, window=1)
        assert calm.is_finished, f"{calm.why}; {again}"
        assert ending.book.orders == calm.book.orders, again
        assert ending.book.deals == calm.book.deals, again
        assert ending.book.protections == calm.book.protections, again
        assert ending.cursor == calm.cursor, again
        if seed % KEPT_EVERY == 0:
            assert account_state(kept(ending.ledger, tmp_path / f"{seed}.db")) == account_state(ending.book), again
        tally.update(ending.tally)
        tally.update(kinds_of(ending.book))
    print(dict(tally))
    if SEEDS >= BLOCK:
        assert tally["FILLED"] > 0
        assert tally["lost"] > 0
        assert any(name.startswith("killed") for name in tally)


def test_a_repeated_seed_gives_the_same_log() -> None:
    """The same seed twice gives the same hash of all events; another seed gives another hash."""
    hashes = [play(seed, setting_of(seed)).log_hash for seed in (3, 3, 4)]
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]
