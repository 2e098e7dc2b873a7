"""Idempotent commands: a repeated command gets the stored reply; its key with a different command gets an error.

Each order, cancel, change, denial or trading state that a command causes is stored with the command's key and digest. A
record of an earlier version has no digest: its reply is sent to every command with the same key.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import UNSET

from proto.control import ControlError, OrderCommand, OrderCommandReply, TradingCommand, TradingReply
from proto.trading.units import decimal_text
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import CommandDenial
from services.portfolio.core.account.orders import PassedRule

_NOT_IN_DIGEST: Final = ("key", "reason", "person")


def command_digest(command: OrderCommand | TradingCommand) -> str:
    """Digest of a command's kind and of all present fields but key, reason and person; 16 hexadecimal digits.

    Equal numbers have equal digests: 0.10 counts as 0.1.
    """
    fields = {
        name: value
        for name in command.__struct_fields__
        if name not in _NOT_IN_DIGEST and (value := getattr(command, name)) is not UNSET
    }
    if not fields.get("past_rules"):
        fields.pop("past_rules", None)  # keeps the digests of versions that had no exceptions from rules
    exact = {name: decimal_text(value) if isinstance(value, Decimal) else value for name, value in fields.items()}
    kind = str(command.__struct_config__.tag)
    return sha256(msgspec.json.encode([kind, exact])).hexdigest()[:16]


def previous_reply(book: Book, command: OrderCommand) -> OrderCommandReply | ControlError | None:
    """Return the stored reply to the command's key, an error if another command used it, None if it is unused."""
    key = command.key
    if (order_ids := book.orders_by_key.get(key)) is not None:
        first = book.orders[order_ids[0]]
        asked, reply = first.asked, done_reply(key, order_ids, first.decision.past_rules)
    elif (order_ids := book.changes_by_key.get(key)) is not None:
        asked, reply = book.asked_by_key.get(key, ""), done_reply(key, order_ids)
    elif (denial := book.denials_by_key.get(key)) is not None:
        asked, reply = denial.asked, denied_reply(key, denial)
    else:
        return used_key_error(key) if is_key_used(book, key) else None
    if asked and asked != command_digest(command):
        return used_key_error(key)
    return reply


def previous_trading_reply(book: Book, command: TradingCommand) -> TradingReply | ControlError | None:
    """Return the stored reply to the command's key, an error if another command used it, None without a used key."""
    key = command.key
    if not key:
        return None
    if (first := book.states_by_key.get(key)) is None:
        return used_key_error(key) if is_key_used(book, key) else None
    if first.asked != command_digest(command):
        return used_key_error(key)
    return TradingReply(trading_state=first.state, trading_reason=first.reason, closing=first.closing)


def is_key_used(book: Book, key: str) -> bool:
    """Whether a person's earlier command had this key."""
    return any(
        key in used
        for used in (
            book.orders_by_key,
            book.changes_by_key,
            book.denials_by_key,
            book.resets_by_key,
            book.states_by_key,
        )
    )


def used_key_error(key: str) -> ControlError:
    """Return the reply to a command whose key another command used."""
    return ControlError(error=f"key {key} was used for another command")


def done_reply(key: str, order_ids: list[str], past_rules: Sequence[PassedRule] = ()) -> OrderCommandReply:
    """Return the reply to a command that created, changed or canceled orders.

    Args:
        key: the command's key.
        order_ids: the orders that the command created, changed or canceled.
        past_rules: the rules that were overridden for the orders.
    """
    return OrderCommandReply(
        key=key, order_ids=order_ids, denied=False, past_rules=[passed.text for passed in past_rules]
    )


def denied_reply(key: str, denial: CommandDenial) -> OrderCommandReply:
    """Return the reply to a command that a rule denied."""
    return OrderCommandReply(
        key=key,
        order_ids=[],
        denied=True,
        code=denial.code,
        limit=denial.limit,
        observed=denial.observed,
        denial_id=denial.denial_id,
    )
