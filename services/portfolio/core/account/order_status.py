"""Statuses of an order and the transitions between them, as one table.

An order exists from its commit on and starts as `PENDING`; a denied signal makes no order. `REJECTED` means that the
venue or the gateway refused the order. An order `IN_DOUBT` may have been executed, so its volume stays reserved until
the venue shows the outcome. An order is `PRESUMED_EXPIRED` if repeated searches have found no trace of its execution.
The venue's reports may come late or twice. So a transition that is not in the table is not applied.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class OrderStatus(StrEnum):
    """Status of an order in the ledger."""

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
        """Whether an order of this status may still change the position and therefore counts as exposure."""
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
    # A deal that is reported after the end of its order is booked late. The order keeps its status unless the deal
    # completes the order's volume.
    _S.CANCELED: _LATE_FILL,
    _S.EXPIRED: _LATE_FILL,
    _S.REJECTED: frozenset(),
    _S.IN_DOUBT: frozenset({_S.PRESUMED_EXPIRED}) | (_VENUE_STATUSES - {_S.IN_DOUBT}),
    _S.PRESUMED_EXPIRED: _LATE_FILL,
}
"""Statuses that may follow each status."""


def can_transition(status: OrderStatus, next_status: OrderStatus) -> bool:
    """Whether `next_status` may follow `status`."""
    return next_status in TRANSITIONS[status]


def status_after_fill(status: OrderStatus, *, is_whole: bool) -> OrderStatus | None:
    """Return the status of an order after a deal; `is_whole` is True if the deal fills the rest of the order.

    Returns:
        FILLED, PARTIALLY_FILLED, or `status` for a late deal that does not complete an ended order; None if an order in
        `status` cannot have a deal.
    """
    if is_whole or status.is_open:
        following = _S.FILLED if is_whole else _S.PARTIALLY_FILLED
        return following if can_transition(status, following) else None
    return status if can_transition(status, _S.FILLED) else None
