"""Numbered cells: the message for a client with an old number, and the encoding once for all clients."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.web.live import cells as cells_module
from services.web.live.cells import Cells, Delta


def changed_since(cells: Cells, since: int) -> tuple[dict[str, object], list[str]]:
    delta = cells.delta(since)
    assert delta is not None
    return {key: msgspec.json.decode(raw) for key, raw in delta.set.items()}, delta.gone


def test_a_client_gets_the_cells_that_changed_after_its_number() -> None:
    cells = Cells("boot")
    cells.set("state", "RUNNING")
    cells.set("account", {"balance": Decimal("10.50")})
    first = cells.turn()
    cells.set("state", "FAILED")
    cells.turn()
    assert changed_since(cells, 0) == ({"state": "FAILED", "account": {"balance": "10.50"}}, [])
    assert changed_since(cells, first) == ({"state": "FAILED"}, [])
    assert changed_since(cells, cells.number) == ({}, [])


def test_an_equal_value_gets_no_number() -> None:
    cells = Cells("boot")
    cells.set("state", ["a", 1])
    number = cells.turn()
    cells.set("state", ["a", 1])
    assert cells.turn() == number
    assert cells.turn(keep_alive=True) == number + 1
    assert changed_since(cells, number) == ({}, [])


def test_a_removed_cell_is_reported_until_it_is_set_again() -> None:
    cells = Cells("boot")
    cells.set("order:1", 1)
    first = cells.turn()
    cells.remove("order:1")
    cells.remove("order:2")
    second = cells.turn()
    assert cells.get("order:1") is None
    assert changed_since(cells, first) == ({}, ["order:1"])
    assert changed_since(cells, second) == ({}, [])
    cells.set("order:1", 1)
    cells.turn()
    assert changed_since(cells, first) == ({"order:1": 1}, [])


def test_the_removed_keys_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_module, "TOMBSTONES_MAX", 2)
    cells = Cells("boot")
    numbers = []
    for name in ("a", "b", "c"):
        cells.set(name, 1)
        cells.turn()
        cells.remove(name)
        numbers.append(cells.turn())
    assert cells.delta(numbers[0] - 1) is None, "the removal of a is not remembered"
    assert changed_since(cells, numbers[0]) == ({}, ["b", "c"])


def test_a_number_above_the_current_one_is_unknown() -> None:
    cells = Cells("boot")
    assert cells.delta(1) is None


def test_the_keys_of_a_kind_are_found() -> None:
    cells = Cells("boot")
    for key in ("quote:B", "quote:A", "state"):
        cells.set(key, 0)
    assert cells.keys("quote:") == ["quote:A", "quote:B"]
    assert cells.keys() == ["quote:A", "quote:B", "state"]


def test_messages_of_one_turn_are_encoded_once_for_all_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded, collected = list[object](), list[int]()
    delta = Cells.delta

    def collect(cells: Cells, since: int) -> Delta | None:
        collected.append(since)
        return delta(cells, since)

    monkeypatch.setattr(Cells, "delta", collect)

    def encode(value: object) -> bytes:
        encoded.append(value)
        return msgspec.json.encode(value)

    cells = Cells("boot", encode=encode)
    cells.set("state", "RUNNING")
    cells.turn()
    messages = [cells.message(0, server_ns=7) for _ in range(20)]
    assert len(encoded) == 1
    assert collected == [0]
    assert len({text for _, text in messages}) == 1
    number, text = messages[0]
    assert msgspec.json.decode(text) == {
        "type": "delta",
        "server_ns": 7,
        "number": number,
        "set": {"state": "RUNNING"},
        "gone": [],
    }


def test_a_client_without_a_number_gets_a_snapshot() -> None:
    cells = Cells("boot")
    cells.set("state", "RUNNING")
    cells.turn()
    for since in (None, 5):
        number, text = cells.message(since, server_ns=7)
        assert msgspec.json.decode(text) == {
            "type": "snapshot",
            "server_ns": 7,
            "boot": "boot",
            "number": number,
            "cells": {"state": "RUNNING"},
        }


def test_a_change_between_two_turns_reaches_a_client_that_already_got_the_number() -> None:
    cells = Cells("boot")
    cells.set("a", 1)
    number = cells.turn()
    cells.message(0, server_ns=0)
    cells.set("a", 2)
    cells.turn()
    assert changed_since(cells, number) == ({"a": 2}, [])
    assert '"a":2' in cells.message(number, server_ns=0)[1]
