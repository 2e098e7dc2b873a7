"""Commands by the HTTP API of a running desk, and reads that wait for their effect."""

from __future__ import annotations

from itertools import count
from typing import Any, Final

import httpx

from services.web.api.operation import KEY_HEADER
from tests.support.command_line import TIMEOUT_S
from tests.support.waits import wait_for

SYMBOL: Final = "EURUSD"
_keys = count(1)


def halt_with_alert(api: httpx.Client) -> dict[str, Any]:
    """Halt the desk, and return the alert about it, which is open until it is acknowledged or the desk resumes."""
    before = _newest_halt(api)
    carried_out(api, "halt")
    # The number of open alerts is no sign of a new one: that of an earlier halt may end meanwhile.
    wait_for(lambda: _newest_halt(api)["number"] > before["number"], "an alert", seconds=TIMEOUT_S)
    return _newest_halt(api)


def _newest_halt(api: httpx.Client) -> dict[str, Any]:
    """The newest open alert about the trading state; number 0 if there is none or the table cannot be read."""
    reply = api.get("/alerts?code=TRADING_STATE&status=open&limit=1")
    rows: list[dict[str, Any]] = reply.json()["rows"] if reply.status_code == 200 else []
    return rows[0] if rows else {"number": 0}


def total(api: httpx.Client, path: str) -> int:
    """The number of rows of a table; 0 while it cannot be read."""
    reply = api.get(path)
    return int(reply.json()["total"]) if reply.status_code == 200 else 0


def command(api: httpx.Client, name: str, *, key: str = "", **body: object) -> httpx.Response:
    """Send a command once."""
    headers = {KEY_HEADER: key or f"test-{next(_keys)}"}
    return api.post(f"/commands/{name}", json={"reason": "a test", **body}, headers=headers)


def carried_out(api: httpx.Client, name: str, **body: Any) -> Any:
    """Send a command, each time with a new key, until the desk accepts it: the rate of orders is limited."""
    replies: list[httpx.Response] = []

    def is_accepted() -> bool:
        replies.append(command(api, name, **body))
        return replies[-1].status_code == 200

    try:
        wait_for(is_accepted, name, seconds=TIMEOUT_S)
    except AssertionError:
        raise AssertionError(replies[-1].text) from None
    return replies[-1].json()


def trade(api: httpx.Client) -> None:
    """Open and close a position."""
    before = total(api, "/trades")
    carried_out(api, "order", symbol=SYMBOL, side="BUY", volume="0.01")
    carried_out(api, "close", symbol=SYMBOL)
    wait_for(lambda: total(api, "/trades") > before, "a closed trade", seconds=TIMEOUT_S)
