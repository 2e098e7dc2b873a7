"""The call to the terminal that is in progress: an order, a cancellation, or a modification."""

from __future__ import annotations

from typing import NamedTuple

from proto.gateway import Modify, PlaceOrder


class PendingOrder(NamedTuple):
    """An order that is being sent; `symbol` is the broker's name."""

    request: PlaceOrder
    symbol: str


class PendingCancel(NamedTuple):
    """The ticket of a resting order that is being canceled."""

    ticket: int


class PendingModification(NamedTuple):
    """A modification that is being sent, and the key of its target."""

    request: Modify
    target: str
    is_again: bool
    """Whether the same modification was sent before, with an unknown outcome."""
