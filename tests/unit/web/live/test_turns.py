"""Turns of the state: the interval of its numbers, and the call of publishers before each."""

from __future__ import annotations

import asyncio

from proto.time import SECOND_NS
from services.web.live.cells import Cells
from services.web.live.flow import TURN_NS
from services.web.live.turns import Turns


def test_a_turn_publishes_and_closes_a_number_only_after_a_change_or_a_second() -> None:
    cells = Cells("boot")
    values = [1, 1, 2]
    turns = Turns(cells, [lambda: cells.set("value", values.pop(0)) if values else None])
    numbers = []
    begin_ns = 5 * SECOND_NS
    for turn in range(9):
        turns.take(begin_ns + turn * TURN_NS)
        numbers.append(cells.number)
    # The third turn changes the value; five turns later a second has passed without a change.
    assert numbers == [1, 1, 2, 2, 2, 2, 2, 3, 3]


def test_a_turn_wakes_every_task_that_waits_for_it() -> None:
    async def main() -> None:
        turns = Turns(Cells("boot"))
        waiting = [asyncio.create_task(turns.next()) for _ in range(3)]
        await asyncio.gather(asyncio.create_task(_soon(turns)), *waiting)
        late = asyncio.create_task(turns.next())
        await asyncio.gather(asyncio.create_task(_soon(turns)), late)

    async def _soon(turns: Turns) -> None:
        turns.take(0)

    asyncio.run(asyncio.wait_for(main(), 5))
