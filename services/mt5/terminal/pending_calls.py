"""The subject of the terminal's call in progress: an order, a cancellation, or a modification."""

from __future__ import annotations

from typing import NamedTuple

from proto.gateway import Modify, PlaceOrder


class PendingOrder(NamedTuple):
    """An order that is sent; `symbol` is the broker's name."""

    request: PlaceOrder
    symbol: str


class PendingCancel(NamedTuple):
    """A resting order that is canceled."""

    ticket: int


class PendingModification(NamedTuple):
    """A modification, and the key of its target."""

    request: Modify
    target: str
    is_again: bool
    """Whether it was sent before, with an unknown outcome."""
