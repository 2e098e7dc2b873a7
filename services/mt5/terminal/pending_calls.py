"""What the one call of the terminal that is under way is about: an order, a cancellation, or a modification."""

from __future__ import annotations

from typing import NamedTuple

from proto.gateway import Modify, PlaceOrder


class PendingOrder(NamedTuple):
    """The order that a call is about; `symbol` is the broker's name."""

    request: PlaceOrder
    symbol: str


class PendingCancel(NamedTuple):
    """The order in the market that a call is to end."""

    ticket: int


class PendingModification(NamedTuple):
    """The modification that a call is about, and the name of its target."""

    request: Modify
    target: str
    is_again: bool
    """It was called before, and nobody knows what came of it."""
