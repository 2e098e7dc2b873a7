"""The cores of a desk in one process pass requests and replies as objects; encoding changes no stored value."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, structs

from proto.codec import decode_reply, decode_request, encode
from proto.gateway import Reply, Request
from proto.messages import Call
from proto.time import Now
from research.backtest import run_backtest
from research.order_policy_name import OrderPolicyName
from services.portfolio.core.portfolio import Output, Portfolio
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, open_ledger
from tests.support.recorded_backtests import RUNS, recorded_run


def shape(value: Any) -> Any:
    """A value with everything that an equal value may not share: types, members and the exponents of decimals."""
    if isinstance(value, Struct):
        return type(value), {name: shape(field) for name, field in structs.asdict(value).items()}
    if isinstance(value, dict):
        return dict, [(shape(key), shape(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [shape(item) for item in value]
    if isinstance(value, Decimal):
        return Decimal, value.as_tuple()
    return type(value), value.value if isinstance(value, Enum) else value


def rows(ledger: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every table of a ledger."""
    with closing(open_ledger(ledger)) as db:
        tables = [str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: list(db.execute(f"SELECT * FROM {table} ORDER BY 1, 2")) for table in tables}


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[type]:
    """Encode and decode each request and reply on its way, and return the types of those that came through."""
    found: list[type] = []
    request_of, on_reply = Portfolio.request_of, Portfolio.on_reply

    def decoded_request_of(portfolio: Portfolio, call: Call) -> Request:
        request = request_of(portfolio, call)
        decoded, _ = decode_request(encode(request))
        assert shape(decoded) == shape(request)
        found.append(type(request))
        return decoded

    def on_decoded_reply(portfolio: Portfolio, call: Call, reply: Reply, now: Now) -> Sequence[Output]:
        decoded = decode_reply(encode(reply))
        assert shape(decoded) == shape(reply)
        found.append(type(reply))
        return on_reply(portfolio, call, decoded, now)

    monkeypatch.setattr(Portfolio, "request_of", decoded_request_of)
    monkeypatch.setattr(Portfolio, "on_reply", on_decoded_reply)
    return found


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        *((name, OrderPolicyName.LOCK_STEP) for name in RUNS),
        *((name, OrderPolicyName.LIVE) for name in ("resting entries", "hedging", "two symbols")),
    ],
)
def test_a_ledger_is_the_same_if_its_messages_are_encoded(
    name: str, policy: OrderPolicyName, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    spec = replace(recorded_run(name, tmp_path, rows=400), order_policy=policy)
    stream = spec.load()
    reports = []
    for folder in (tmp_path / "objects", tmp_path / "bytes"):
        if folder.name == "bytes":
            passed = request.getfixturevalue("encoded")
        folder.mkdir()
        reports.append(run_backtest(spec, stream, data_dir=folder) | {"timings": None})
    assert len(set(passed)) > 8
    assert reports[0] == reports[1]
    assert rows(tmp_path / "objects" / LEDGER_FILE_NAME) == rows(tmp_path / "bytes" / LEDGER_FILE_NAME)
