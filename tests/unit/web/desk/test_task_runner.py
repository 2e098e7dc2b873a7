"""Background tasks: an error ends only its own task, is shown, and the task starts again."""

from __future__ import annotations

import asyncio

from proto.time import SECOND_NS
from services.web.desk.task_runner import TaskRunner
from tests.support.waits import until


def test_a_failed_task_is_shown_and_started_again_while_others_run() -> None:
    async def main() -> None:
        now_ns = [0]
        runner = TaskRunner(pause_s=0.0, shown_s=30.0, mono_ns=lambda: now_ns[0])
        starts = list[int]()
        is_fixed = asyncio.Event()
        other = list[int]()

        async def failing() -> None:
            starts.append(len(starts))
            if len(starts) < 3:
                raise KeyError("EURUSD")
            await is_fixed.wait()

        async def running() -> None:
            while True:
                other.append(1)
                await asyncio.Event().wait()

        runner.add("failing", failing)
        runner.add("running", running)
        task = asyncio.create_task(runner.run())
        await until(lambda: len(starts) == 3, "three starts")
        assert len(other) == 1, "the other task has not been started again"
        assert runner.problems == {"failing": "KeyError: 'EURUSD'"}
        now_ns[0] = 31 * SECOND_NS
        assert runner.problems == {}
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    asyncio.run(main())


def test_a_problem_is_one_line() -> None:
    async def main() -> None:
        runner = TaskRunner(pause_s=60.0)

        async def failing() -> None:
            raise ValueError("a quote is wrong\nand more")

        runner.add("quotes", failing)
        task = asyncio.create_task(runner.run())
        await until(lambda: bool(runner.problems), "a problem")
        assert runner.problems == {"quotes": "ValueError: a quote is wrong"}
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_an_error_of_a_guarded_function_does_not_end_its_caller() -> None:
    runner = TaskRunner()
    added = list[int]()

    def add(number: int) -> None:
        if number < 0:
            raise ValueError(f"number is {number}")
        added.append(number)

    guarded = runner.guarded("bars", add)
    guarded(1)
    guarded(-1)
    guarded(2)
    assert added == [1, 2]
    assert runner.problems == {"bars": "ValueError: number is -1"}
