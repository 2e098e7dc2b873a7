"""The life of an order, as one table.

An order exists from its commit, as `PENDING`; an entry that a risk rule denies never becomes one. `REJECTED` is the
venue's refusal. `IN_DOUBT` is a state, not a failure: the order may have been executed, its volume stays reserved, and
only evidence ends it. The venue's reports may come late or twice; a transition that the table forbids is not applied.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class OrderStatus(StrEnum):
    """Where an order stands."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    IN_DOUBT = "IN_DOUBT"
    PRESUMED_EXPIRED = "PRESUMED_EXPIRED"

    @property
    def is_open(self) -> bool:
        """True while the order may still change the position: it counts as exposure."""
        return self in _OPEN


_S = OrderStatus
_OPEN: Final = frozenset({_S.PENDING, _S.ACCEPTED, _S.PARTIALLY_FILLED, _S.IN_DOUBT})
_VENUE_STATUSES: Final = frozenset(
    {_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED, _S.IN_DOUBT}
)
_LATE_FILL: Final = frozenset({_S.FILLED})

TRANSITIONS: Final[dict[OrderStatus, frozenset[OrderStatus]]] = {
    _S.PENDING: frozenset({_S.PRESUMED_EXPIRED}) | _VENUE_STATUSES,
    _S.ACCEPTED: frozenset(
        {_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED, _S.IN_DOUBT, _S.PRESUMED_EXPIRED}
    ),
    _S.PARTIALLY_FILLED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.IN_DOUBT}),
    _S.FILLED: frozenset(),
    # A deal that comes after the end of its order has happened all the same: it is booked, late. Unless it fills the
    # order, the end stands: the rest is not coming.
    _S.CANCELED: _LATE_FILL,
    _S.EXPIRED: _LATE_FILL,
    _S.REJECTED: frozenset(),
    _S.IN_DOUBT: frozenset({_S.PRESUMED_EXPIRED}) | (_VENUE_STATUSES - {_S.IN_DOUBT}),
    _S.PRESUMED_EXPIRED: _LATE_FILL,
}
"""From a status to those that may follow it."""


def can_transition(status: OrderStatus, next_status: OrderStatus) -> bool:
    """Whether the table allows `status` to become `next_status`."""
    return next_status in TRANSITIONS[status]


def status_after_fill(status: OrderStatus, *, is_whole: bool) -> OrderStatus | None:
    """What a deal makes of an order in `status`; `is_whole` when nothing of the order is left.

    Returns:
        FILLED, PARTIALLY_FILLED, or `status` itself for a late deal that does not fill an ended order; None when an order
        in `status` cannot have a deal.
    """
    if is_whole or status.is_open:
        following = _S.FILLED if is_whole else _S.PARTIALLY_FILLED
        return following if can_transition(status, following) else None
    return status if can_transition(status, _S.FILLED) else None
