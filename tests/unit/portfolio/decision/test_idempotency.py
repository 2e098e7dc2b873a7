"""Keys of people's commands: a repeated command gets the same reply; another command with a used key is refused."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, structs

from proto.control import (
    CancelCommand,
    CloseCommand,
    ControlError,
    FlattenCommand,
    HaltCommand,
    OrderCommand,
    OrderCommandReply,
    ReduceOnlyCommand,
    ResumeCommand,
    RiskResetCommand,
    RiskResetReply,
    TradingReply,
    TradingState,
)
from proto.gateway import Buy
from proto.trading.enums import Side
from services.portfolio.core.account.book import CHANGES_KEPT_MAX
from services.portfolio.core.account.events import CancelRequested, Event, OrderCreated, TradingStateChanged
from services.portfolio.core.decision.idempotency import command_digest, previous_reply
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, open_ledger, read_ledger, verify_ledger
from tests.support.builders import an_order as a_ledger_order
from tests.support.desk_harness import DeskHarness
from tests.unit.portfolio.decision.manual_desk import (
    D,
    a_close,
    a_modification,
    a_quoted_desk,
    a_resting_order,
    an_order,
    receive_tick,
    refused,
    reply_to,
)


def a_cancel(order_id: str, **changed: str) -> CancelCommand:
    """A command to cancel a resting order; `changed` are other fields."""
    return CancelCommand(**{"key": "k3", "reason": "enough", "order_id": order_id, **changed})


def started_again(driven: DeskHarness, folder: Path) -> DeskHarness:
    """A desk restarted from the events of the ledger."""
    path = folder / LEDGER_FILE_NAME
    ledger = Ledger(path)
    ledger.commit(driven.state.account.take_events(), driven.state.account.book, driven.state.stream.persisted)
    ledger.close()
    assert verify_ledger(path) == []
    book, kept = read_ledger(path)
    again = DeskHarness(driven.gateway, book=book, persisted=kept)
    again.mono_ns = driven.mono_ns
    again.answer_all(again.start())
    receive_tick(again, 2)
    return again


@pytest.mark.parametrize(
    "other",
    [
        an_order(side=Side.SELL),
        an_order(volume=D("0.03")),
        an_order(stop_loss=D("1.09")),
        a_resting_order(),
        a_close(key="k1"),
        a_modification(key="k1"),
        a_cancel("live-000001", key="k1"),
    ],
)
def test_another_command_with_the_key_of_an_order_is_refused_before_and_after_a_restart(
    tmp_path: Path, other: OrderCommand
) -> None:
    driven = a_quoted_desk()
    first = reply_to(driven, an_order())
    assert refused(driven, other) == "key k1 was used for another command"
    again = started_again(driven, tmp_path)
    assert refused(again, other) == "key k1 was used for another command"
    assert reply_to(again, an_order(reason="said again", volume=D("0.020"))) == first
    assert len(driven.requests_of(Buy)) == 1


def test_another_command_with_the_key_of_a_change_is_refused_before_and_after_a_restart(tmp_path: Path) -> None:
    driven = a_quoted_desk()
    [order_id] = reply_to(driven, a_resting_order(key="a")).order_ids
    reply_to(driven, an_order(key="b"))
    done: list[OrderCommand] = [
        a_modification(key="k1", order_id=order_id, price=D("1.098")),
        a_modification(key="k2", stop_loss=D("1.09")),
        a_cancel(order_id),
    ]
    others: list[OrderCommand] = [
        a_modification(key="k1", order_id=order_id, price=D("1.097")),
        a_modification(key="k2"),
        a_modification(key="k3", order_id=order_id),
    ]
    answers: list[OrderCommandReply] = [reply_to(driven, one) for one in done]
    assert [answer.denied for answer in answers] == [False, False, False]
    again = started_again(driven, tmp_path)
    for desk in (driven, again):
        assert [reply_to(desk, one) for one in done] == answers
        for key, one in zip(("k1", "k2", "k3"), others, strict=True):
            assert refused(desk, one) == f"key {key} was used for another command"


def test_another_command_with_the_key_of_a_close_is_refused() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order())
    closed = reply_to(driven, a_close())
    assert reply_to(driven, a_close()) == closed
    assert refused(driven, a_close(volume=D("0.01"))) == "key close was used for another command"


def test_the_events_of_order_commands_have_the_person_also_after_a_restart(tmp_path: Path) -> None:
    driven = a_quoted_desk()
    [order_id] = reply_to(driven, a_resting_order(key="a", person="ann")).order_ids
    reply_to(driven, an_order(key="b", person="bob"))
    reply_to(driven, a_modification(key="c", order_id=order_id, price=D("1.098"), person="cid"))
    reply_to(driven, a_modification(key="d", stop_loss=D("1.09"), person="dan"))
    reply_to(driven, a_modification(key="e", stop_loss=D("1.2"), person="eve"))
    reply_to(driven, a_cancel(order_id, key="f", person="fay"))
    reply_to(driven, a_close(key="g", person="gus"))
    started_again(driven, tmp_path)
    db = open_ledger(tmp_path / LEDGER_FILE_NAME)
    payloads = [payload for (payload,) in db.execute("SELECT payload FROM events ORDER BY number")]
    db.close()
    by_key = {fields["key"]: fields["person"] for fields in map(command_fields, payloads) if fields.get("asked")}
    assert by_key == {"a": "ann", "b": "bob", "c": "cid", "d": "dan", "e": "eve", "f": "fay", "g": "gus"}


def command_fields(payload: bytes) -> dict[str, str]:
    """The fields of an event, or those of its order."""
    fields: dict[str, Any] = msgspec.json.decode(payload)
    return {**fields, **fields.get("order", {})}


@pytest.mark.parametrize(
    "event",
    [
        CancelRequested(order_id="live-000001", why="r", ordinal=1, time_ns=1, key="k", asked="a"),
        OrderCreated(order=structs.replace(a_ledger_order(), key="k", asked="a")),
    ],
)
def test_an_event_of_an_earlier_version_has_no_person(event: CancelRequested | OrderCreated) -> None:
    fields = msgspec.to_builtins(event)
    del (fields["order"] if isinstance(event, OrderCreated) else fields)["person"]
    assert msgspec.json.decode(msgspec.json.encode(fields), type=Event) == event


def test_a_stored_reply_without_a_digest_answers_every_command_with_its_key() -> None:
    driven = a_quoted_desk()
    first = reply_to(driven, an_order())
    [order] = driven.state.account.book.orders.values()
    driven.state.account.book.orders[order.order_id] = structs.replace(order, asked="")
    assert previous_reply(driven.state.account.book, an_order(volume=D(1))) == first


def test_the_digest_depends_on_kind_and_fields_but_not_on_key_reason_or_notation() -> None:
    assert command_digest(an_order()) == command_digest(an_order(key="other", reason="other", volume=D("0.0200")))
    close = CloseCommand(key="k", reason="r", symbol="EURUSD", position=0, volume=None)
    assert (
        len({command_digest(one) for one in (an_order(), close, structs.replace(close, position=1), a_cancel("x"))})
        == 4
    )


def test_a_stop_that_a_modification_leaves_out_is_not_one_that_it_removes() -> None:
    removed = a_modification()
    kept = structs.replace(removed, stop_loss=UNSET)
    assert len({command_digest(one) for one in (removed, kept, structs.replace(kept, take_profit=UNSET))}) == 3
    text = (
        b'["MODIFY",{"symbol":"EURUSD","order_id":"","position":0,"price":null,'
        b'"stop_loss":null,"take_profit":null,"expires_ns":0}]'
    )
    assert command_digest(removed) == sha256(text).hexdigest()[:16], "as in earlier versions"


HALT = HaltCommand("news", key="h1", person="ann")


def state_events(driven: DeskHarness) -> list[TradingStateChanged]:
    """The changes of the trading state that are not yet durable, and remove them."""
    return [event for event in driven.state.account.take_events() if isinstance(event, TradingStateChanged)]


def test_a_repeated_trading_command_gets_the_first_reply_and_changes_nothing_before_and_after_a_restart(
    tmp_path: Path,
) -> None:
    driven = a_quoted_desk()
    halted = driven.command(HALT)
    assert halted == TradingReply(trading_state=TradingState.HALTED, trading_reason="news", closing=[])
    driven.command(ResumeCommand("looked at it", key="r1"))
    again = started_again(driven, tmp_path)
    for desk in (driven, again):
        state_events(desk)
        assert desk.command(HaltCommand("said again", key="h1", person="bob")) == halted
        assert desk.state.account.book.trading_state is TradingState.ACTIVE
        assert state_events(desk) == []


def test_a_repeated_flatten_names_the_symbols_of_the_first() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order())
    flattened = driven.command(FlattenCommand("the end", key="f1"))
    assert flattened == TradingReply(trading_state=TradingState.HALTED, trading_reason="the end", closing=["EURUSD"])
    driven.answer_all(driven.pause())
    for _ in range(4):
        driven.answer_all(driven.wait(2_000))
    assert driven.state.account.book.positions["EURUSD"].is_flat
    assert driven.command(FlattenCommand("the end", key="f1")) == flattened
    assert driven.command(FlattenCommand("the end", key="f2")) == structs.replace(flattened, closing=[])


def test_the_event_of_a_trading_command_has_its_key_and_person_and_one_without_both_is_encoded_as_before() -> None:
    driven = a_quoted_desk()
    driven.command(HALT)
    driven.command(ResumeCommand("looked at it"))
    halted, resumed = state_events(driven)
    assert (halted.key, halted.person, resumed.key, resumed.person) == ("h1", "ann", "", "")
    assert "command" in msgspec.json.decode(msgspec.json.encode(halted))
    assert "command" not in msgspec.json.decode(msgspec.json.encode(resumed))


def test_a_key_belongs_to_one_command_of_any_kind() -> None:
    driven = a_quoted_desk()
    reply_to(driven, an_order(key="o1"))
    driven.command(HALT)
    driven.command(ResumeCommand("looked at it", key="r1"))
    reset = RiskResetCommand(key="reset", rule="ORDER_RATE", symbol="", reason="r", person="ann")
    assert isinstance(driven.command(reset), RiskResetReply)
    for other in (
        *(ReduceOnlyCommand("news", key="h1"), HaltCommand("news", key="r1"), HaltCommand("news", key="o1")),
        *(HaltCommand("news", key="reset"), structs.replace(reset, key="h1"), an_order(key="h1")),
    ):
        assert driven.command(other) == ControlError(error=f"key {other.key} was used for another command"), other
    assert driven.state.account.book.trading_state is TradingState.ACTIVE


def test_commands_without_a_key_are_executed_each_time() -> None:
    driven = a_quoted_desk()
    for _ in range(2):
        driven.command(HaltCommand("news", person="ann"))
    assert [event.person for event in state_events(driven)] == ["ann", "ann"]
    assert driven.state.account.book.states_by_key == {}


def test_a_refused_trading_command_may_be_repeated_with_its_key() -> None:
    driven = a_quoted_desk()
    driven.state.warnings.on_ledger_fault("row 7")
    resume = ResumeCommand("looked at it", key="r1")
    assert isinstance(driven.command(resume), ControlError)
    driven.state.warnings.on_ledger_fault("")
    assert driven.command(resume) == TradingReply(
        trading_state=TradingState.ACTIVE, trading_reason="looked at it", closing=[]
    )


def test_only_the_latest_keys_of_trading_commands_are_kept() -> None:
    driven = a_quoted_desk()
    for number in range(CHANGES_KEPT_MAX + 1):
        driven.command(HaltCommand("news", key=f"h{number}"))
    assert list(driven.state.account.book.states_by_key) == [f"h{number}" for number in range(1, CHANGES_KEPT_MAX + 1)]
