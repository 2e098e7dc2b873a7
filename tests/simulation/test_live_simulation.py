"""A live desk executes no order twice under seeded faults of processes, network, terminal, journal and host.

`make simulate SEEDS=10000` runs more seeds. A failure names the seed and the command that repeats its run.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from proto.gateway import VenueDeal
from proto.trading.units import ZERO
from services.mt5.core.ports.magic import magic_of
from services.portfolio.core.account.order_status import OrderStatus
from tests.simulation.agreement import assert_positions
from tests.simulation.ledger import fold, kept
from tests.simulation.live import LiveEnding, live_setting_of, play_live
from tests.support.accounts import account_state

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "100"))
FIRST = int(os.environ.get("SIMULATION_FIRST", "0"))
BLOCK = 25
KEPT_EVERY = 5
"""Every run whose seed is a multiple of this number is also written to a real ledger."""


def replay_command(seed: int) -> str:
    """The command that repeats the run of one seed."""
    return f"SIMULATION_FIRST={seed} SIMULATION_SEEDS=1 python -m pytest tests/simulation/test_live_simulation.py"


def deal_key(deal: VenueDeal) -> tuple[object, ...]:
    """The fields of a deal that ledger and venue must agree on; the broker may have changed the comment."""
    return (deal.deal, deal.ticket, deal.kind, deal.symbol, deal.volume, deal.price, deal.cash)


def assert_exactly_once(ending: LiveEnding, again: str) -> None:
    """Compare orders, deals, positions and cash of ledger and venue, without the desk's own reconciliation."""
    book, venue = ending.book, ending.venue
    assert [deal_key(deal) for deal in book.deals] == [deal_key(deal) for deal in venue.deals], again
    assert book.balance == venue.balance, again
    assert_positions(book, venue, again, costs=True)
    assert account_state(book) == account_state(fold(ending.ledger)[0]), again
    for key, answer in ending.answers.items():
        made = book.orders_by_key.get(key)
        assert made is None or made == answer.order_ids, (key, answer, again)
    of_magic = Counter(placed.magic for placed in venue.orders if placed.magic)
    assert max(of_magic.values(), default=1) == 1, again
    shown = {placed.magic: placed.order for placed in venue.orders if placed.magic}
    for order in book.orders.values():
        assert not order.status.is_open, (order, again)
        placed = shown.pop(magic_of(order.order_id), None)
        assert order.filled_volume == (placed.filled_volume if placed is not None else ZERO), (order, placed, again)
        assert (order.status is OrderStatus.FILLED) == (order.filled_volume == order.volume), (order, again)
    assert shown.keys() <= {magic_of(order_id) for order_id in ending.lost_orders}, (shown, again)


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, BLOCK))
def test_no_order_of_a_live_desk_with_faults_is_executed_twice(first: int, tmp_path: Path) -> None:
    """The run of every seed settles, with a person who resumes after halts, and its ledger agrees with the venue."""
    tally: Counter[str] = Counter()
    for seed in range(first, min(first + BLOCK, FIRST + SEEDS)):
        again = replay_command(seed)
        ending = play_live(seed, live_setting_of(seed))
        assert ending.is_settled, f"{ending.why}; {again}"
        assert_exactly_once(ending, again)
        if seed % KEPT_EVERY == 0:
            assert account_state(kept(ending.ledger, tmp_path / f"{seed}.db")) == account_state(ending.book), again
        tally.update(ending.tally)
        tally.update(order.status.value for order in ending.book.orders.values())
    print(dict(tally))
    if SEEDS >= BLOCK:
        assert tally["FILLED"] > BLOCK
        assert tally["power cut"] > 0
        assert tally["journal lost"] > 0


def test_a_repeated_seed_of_a_live_desk_gives_the_same_log() -> None:
    """The same seed twice gives the same hash of all events; another seed gives another hash."""
    hashes = [play_live(seed, live_setting_of(seed)).log_hash for seed in (3, 3, 4)]
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]
