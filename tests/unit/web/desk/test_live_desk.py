"""The venue's time that decides the server's day of the profit."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from msgspec import structs

from proto.time import DAY_NS
from services.web.desk.account_terms import NO_TERMS
from services.web.desk.desk_views import state_view
from services.web.desk.live_desk import LiveDesk
from services.web.settings import WebSettings
from tests.support.builders import START_NS
from tests.unit.web.desk.test_desk_views import a_status


async def _nobody(_scope: Any) -> None:
    return None


def test_the_venues_time_goes_on_while_no_client_watches(tmp_path: Path) -> None:
    async def main() -> None:
        live = LiveDesk(WebSettings(paperdesk_runtime_dir=tmp_path, paperdesk_data_dir=tmp_path), identify=_nobody)
        try:
            assert live.venue_time_ns == 0
            assert live.pnl() is None
            live.cells.set("state", state_view(structs.replace(a_status(), venue_time_ns=START_NS), NO_TERMS, []))
            assert live.venue_time_ns == START_NS
            today = live.pnl()
            assert today is not None
            live.quotes.venue_time_ns = START_NS + DAY_NS
            tomorrow = live.pnl()
            assert tomorrow is not None
            assert tomorrow.today.from_ns == today.today.from_ns + DAY_NS
        finally:
            live.close()

    asyncio.run(main())
