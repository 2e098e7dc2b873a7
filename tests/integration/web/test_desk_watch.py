"""Polls of portfolio over a real control socket: one request at a time, on demand, with shown silence and refusals."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from time import monotonic

import pytest

from proto.control import (
    AccountQuery,
    ControlError,
    ControlReply,
    ControlRequest,
    HaltCommand,
    PositionsQuery,
    RiskQuery,
    StatusQuery,
    TradingReply,
    TradingState,
    WhyQuery,
)
from proto.control.views import PositionsReply, RiskReply, WhyReply
from services.web.api.schemas import StateView
from services.web.desk.account_terms import NO_TERMS
from services.web.desk.desk_watch import DeskWatch
from services.web.desk.portfolio_client import (
    EXPLANATION_PAUSE,
    WAITING_MAX,
    DeskRefusedError,
    DeskSilentError,
    PortfolioClient,
)
from services.web.desk.sources import Sources
from services.web.live.cells import Cells
from tests.support.market import FixedQuotes
from tests.support.socket_servers import serve_control
from tests.support.waits import until
from tests.unit.web.desk.test_desk_views import a_status, an_account

RISK = RiskReply(limits="none", trading_state="ACTIVE", trading_reason="", warning="", total=0, next=0, rows=[])


def answer(request: ControlRequest) -> ControlReply:
    match request:
        case StatusQuery():
            return a_status()
        case AccountQuery():
            return an_account()
        case PositionsQuery():
            return PositionsReply(total=0, next=0, rows=[])
        case RiskQuery():
            return RISK
        case _:
            return ControlError(error="not in this test")


class Watching:
    """A watch of a portfolio that the test serves."""

    def __init__(self, url: str) -> None:
        self.client = PortfolioClient(url)
        self.cells = Cells("boot")
        self.sources = Sources(self.cells, gateway=lambda: (0, ""), failed=dict)
        self.watch = DeskWatch(self.client, self.cells, self.sources, terms=lambda: NO_TERMS, quotes=FixedQuotes())

    @property
    def problem(self) -> str:
        return self.sources.view().portfolio.problem


@contextmanager
def watching(url: str) -> Iterator[Watching]:
    found = Watching(url)
    try:
        yield found
    finally:
        found.client.close()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/control.ipc"


def test_a_poll_sets_the_cells(url: str) -> None:
    with serve_control(url, answer), watching(url) as desk:
        asyncio.run(desk.watch.refresh())
        assert {"state", "account", "latency", "risk"} <= set(desk.cells.keys())
        assert desk.cells.get("risk") == RISK
        assert desk.problem == ""
        assert desk.sources.view().portfolio.answered_ns > 0


def test_many_readers_make_one_poll(url: str) -> None:
    async def main(desk: Watching) -> None:
        await asyncio.gather(*(desk.watch.refresh() for _ in range(20)))
        await desk.watch.refresh()

    with serve_control(url, answer) as asked, watching(url) as desk:
        asyncio.run(main(desk))
    assert sum(isinstance(request, StatusQuery) for request in asked) == 1
    assert len(asked) == 4


def test_portfolio_is_polled_only_while_a_client_is_connected(url: str) -> None:
    async def main(desk: Watching, asked: list[ControlRequest]) -> None:
        task = asyncio.create_task(desk.watch.run())
        with pytest.raises(AssertionError, match="a request"):
            await until(lambda: bool(asked), "a request", seconds=0.3)
        with desk.watch.attach(), desk.watch.attach():
            begin = monotonic()
            await until(lambda: sum(isinstance(request, StatusQuery) for request in asked) == 3, "three polls")
            assert monotonic() - begin > 0.9, "polls begin half a second apart"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert desk.watch.watchers == 0

    with serve_control(url, answer) as asked, watching(url) as desk:
        asyncio.run(main(desk, asked))


def test_a_slow_portfolio_gets_one_request_at_a_time(url: str) -> None:
    released = threading.Event()
    waiting = list[ControlRequest]()

    def slowly(request: ControlRequest) -> ControlReply:
        waiting.append(request)
        released.wait(10)
        return answer(request)

    async def main(desk: Watching) -> None:
        task = asyncio.create_task(desk.watch.run())
        with desk.watch.attach():
            await until(lambda: bool(waiting), "the first request")
            readers = [asyncio.create_task(desk.watch.refresh(0)) for _ in range(10)]
            with pytest.raises(AssertionError, match="another request"):
                await until(lambda: len(waiting) > 1, "another request", seconds=0.7)
            released.set()
            await asyncio.gather(*readers)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with serve_control(url, slowly) as asked, watching(url) as desk:
        asyncio.run(main(desk))
        assert isinstance(desk.cells.get("state"), StateView)
    assert sum(isinstance(request, StatusQuery) for request in asked) == 1


def test_a_refusal_is_shown_and_the_state_does_not_change(url: str) -> None:
    def refuses_accounts(request: ControlRequest) -> ControlReply:
        return ControlError(error="not yet") if isinstance(request, AccountQuery) else answer(request)

    with serve_control(url, refuses_accounts), watching(url) as desk:
        asyncio.run(desk.watch.refresh())
        assert desk.problem == "not yet"
        assert desk.cells.get("state") is not None


def outcome(url: str, replies: Callable[[ControlRequest], ControlReply | None]) -> object:
    """The result of a halt, or its error."""

    async def main(client: PortfolioClient) -> object:
        try:
            return await client.ask(HaltCommand(reason="test"), TradingReply, timeout_s=0.5)
        except (DeskSilentError, DeskRefusedError) as error:
            return error

    client = PortfolioClient(url)
    try:
        with serve_control(url, replies):
            return asyncio.run(main(client))
    finally:
        client.close()


def test_a_command_gets_its_reply_its_refusal_or_nothing(url: str) -> None:
    reply = TradingReply(trading_state=TradingState.HALTED, trading_reason="test", closing=[])
    assert outcome(url, lambda _: reply) == reply
    refused = outcome(url, lambda _: ControlError(error="no room"))
    assert isinstance(refused, DeskRefusedError)
    assert str(refused) == "no room", "without the address of the socket"
    silent = outcome(url, lambda _: None)
    assert isinstance(silent, DeskSilentError)
    assert silent.was_sent, "its outcome is unknown"
    assert str(silent) == "portfolio did not answer HALT in time"


def test_commands_do_not_wait_behind_queries(url: str) -> None:
    reply = TradingReply(trading_state=TradingState.HALTED, trading_reason="test", closing=[])

    async def main(client: PortfolioClient) -> TradingReply:
        queries = [asyncio.create_task(client.ask(StatusQuery(), type(a_status()), timeout_s=1)) for _ in range(6)]
        await until(lambda: len(asked) >= 2, "queries that wait")
        halted = await client.ask(HaltCommand(reason="test"), TradingReply, timeout_s=1)
        assert not any(query.done() for query in queries)
        errors = await asyncio.gather(*queries, return_exceptions=True)
        assert {type(error) for error in errors} == {DeskSilentError}
        assert {error.was_sent for error in errors if isinstance(error, DeskSilentError)} == {True, False}
        return halted

    client = PortfolioClient(url)
    with serve_control(url, lambda request: reply if isinstance(request, HaltCommand) else None) as asked:
        assert asyncio.run(main(client)) == reply
        client.close()


def test_a_command_is_sent_however_many_queries_wait(url: str) -> None:
    reply = TradingReply(trading_state=TradingState.HALTED, trading_reason="test", closing=[])

    async def main(client: PortfolioClient) -> TradingReply:
        asking = (client.ask(StatusQuery(), type(a_status()), timeout_s=1) for _ in range(WAITING_MAX + 1))
        queries = [asyncio.create_task(ask) for ask in asking]
        await until(lambda: any(query.done() for query in queries), "a query that is refused")
        halted = await client.ask(HaltCommand(reason="test"), TradingReply, timeout_s=1)
        await asyncio.gather(*queries, return_exceptions=True)
        return halted

    client = PortfolioClient(url)
    with serve_control(url, lambda request: reply if isinstance(request, HaltCommand) else None):
        assert asyncio.run(main(client)) == reply
        client.close()


def test_explanations_leave_portfolio_most_of_its_time(url: str) -> None:
    took_s = 0.03
    spans: list[tuple[float, float]] = []

    def explain(request: ControlRequest) -> ControlReply:
        begun_s = monotonic()
        assert isinstance(request, WhyQuery)
        while monotonic() < begun_s + took_s:
            pass
        spans.append((begun_s, monotonic()))
        return WhyReply(kind="order", subject=request.id, summary="", steps=[])

    async def main(client: PortfolioClient) -> None:
        await asyncio.gather(*(client.ask(WhyQuery(f"order {number}"), WhyReply) for number in range(3)))

    client = PortfolioClient(url)
    with serve_control(url, explain):
        asyncio.run(main(client))
        client.close()
    pauses_s = [begun_s - ended_s for (_, ended_s), (begun_s, _) in pairwise(spans)]
    assert len(pauses_s) == 2
    assert min(pauses_s) > EXPLANATION_PAUSE * took_s * 0.9
