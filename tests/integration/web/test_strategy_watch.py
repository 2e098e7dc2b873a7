"""Reports of strategies over a real socket: the newest one of each symbol is shown."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from common.errors import InUseError
from common.sockets import Sockets, send
from proto.codec import encode
from proto.messages import StrategyReport
from services.web.desk.sources import Sources
from services.web.desk.strategy_watch import StrategyWatch
from services.web.live.cells import Cells
from tests.support.waits import until


def a_report(symbol: str = "EURUSD", **changed: Any) -> StrategyReport:
    fields: dict[str, Any] = {
        "publisher": "signal",
        "boot_id": "b",
        "stream_id": "s",
        "symbol": symbol,
        "strategy": "xgboost",
        "model": "demo",
        "model_sha256": "ab",
        "thresholds": {"buy": 0.6, "sell": 0.7},
        "threshold": 0.6,
        "time_ns": 1,
        "ordinal": 1,
        "direction": 1,
        "confidence": 0.8,
        "reason": "",
        "probabilities": {"buy": 0.8},
        "features": {},
        "counts": {"ticks": 1},
        "peaks": {},
    }
    return StrategyReport(**{**fields, **changed})


def test_the_newest_report_of_each_symbol_is_shown(tmp_path: Path) -> None:
    url = f"ipc://{tmp_path}/strategy.ipc"
    cells = Cells("boot")
    sources = Sources(cells, gateway=lambda: (0, ""), failed=dict)
    watch = StrategyWatch(url, cells, sources)

    async def main() -> None:
        task = asyncio.create_task(watch.run())
        senders = [Sockets() for _ in range(2)]
        outputs = [sender.pub(url, bind=False) for sender in senders]
        reports = [a_report(ordinal=5), a_report("GBPUSD", threshold=None)]

        def both_are_shown() -> bool:
            send(outputs[0], [b"garbage"])
            for output, report in zip(outputs, reports, strict=True):
                send(output, [encode(report)])
            return cells.keys("model:") == ["model:EURUSD", "model:GBPUSD"]

        await until(both_are_shown, "both reports")
        assert cells.get("model:EURUSD") == reports[0]
        assert (watch.threshold_of("EURUSD"), watch.threshold_of("GBPUSD"), watch.threshold_of("USDJPY")) == (
            0.6,
            None,
            None,
        )
        assert sources.view().strategy.heard_ns > 0
        with pytest.raises(InUseError):
            await StrategyWatch(url, cells, sources).run()
        for sender in senders:
            sender.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
