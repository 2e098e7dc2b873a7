"""Background tasks: an error ends only its own task, is shown, and the task starts again."""

from __future__ import annotations

import asyncio

from services.web.desk.task_runner import TaskRunner
from tests.support.waits import until


def test_a_failed_task_is_shown_and_started_again_while_others_run() -> None:
    async def main() -> None:
        runner = TaskRunner(pause_s=0.0, healthy_s=0.0)
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
        await until(lambda: not runner.problems, "the task to be healthy")
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
