"""The statuses of an order: the table, the effect of a deal, and the diagram in the docs."""

from __future__ import annotations

import itertools
import re

import pytest

from common.project_root import PROJECT_ROOT
from services.portfolio.core.account.order_status import TRANSITIONS, OrderStatus, can_transition, status_after_fill

S = OrderStatus
PAGE = PROJECT_ROOT / "docs" / "life-of-an-order.md"

ALLOWED = [
    (S.PENDING, S.ACCEPTED),
    (S.PENDING, S.FILLED),
    (S.PENDING, S.REJECTED),
    (S.PENDING, S.IN_DOUBT),
    (S.ACCEPTED, S.PARTIALLY_FILLED),
    (S.ACCEPTED, S.CANCELED),
    (S.PARTIALLY_FILLED, S.PARTIALLY_FILLED),
    (S.PARTIALLY_FILLED, S.FILLED),
    (S.PARTIALLY_FILLED, S.CANCELED),
    (S.IN_DOUBT, S.FILLED),
    (S.IN_DOUBT, S.REJECTED),
    (S.IN_DOUBT, S.EXPIRED),
    (S.IN_DOUBT, S.PRESUMED_EXPIRED),
    (S.CANCELED, S.FILLED),
    (S.EXPIRED, S.FILLED),
    (S.PRESUMED_EXPIRED, S.FILLED),
]
FORBIDDEN = [
    (S.FILLED, S.REJECTED),
    (S.ACCEPTED, S.PENDING),
    (S.PARTIALLY_FILLED, S.REJECTED),
    (S.PARTIALLY_FILLED, S.ACCEPTED),
    (S.FILLED, S.CANCELED),
    (S.FILLED, S.IN_DOUBT),
    (S.FILLED, S.PARTIALLY_FILLED),
    (S.REJECTED, S.FILLED),
    (S.REJECTED, S.PENDING),
    (S.CANCELED, S.PARTIALLY_FILLED),
    (S.CANCELED, S.PENDING),
    (S.EXPIRED, S.CANCELED),
    (S.IN_DOUBT, S.PENDING),
    (S.PRESUMED_EXPIRED, S.REJECTED),
]
ENDED = (S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.PRESUMED_EXPIRED)


@pytest.mark.parametrize(("status", "following"), ALLOWED)
def test_a_change_that_the_venue_can_report_is_allowed(status: S, following: S) -> None:
    assert can_transition(status, following)


@pytest.mark.parametrize(("status", "following"), FORBIDDEN)
def test_a_change_to_an_earlier_or_contradictory_status_is_forbidden(status: S, following: S) -> None:
    assert not can_transition(status, following)


@pytest.mark.parametrize(("status", "following"), list(itertools.product(S, S)))
def test_every_change_of_status_outside_the_table_is_forbidden(status: S, following: S) -> None:
    assert can_transition(status, following) is (following in TRANSITIONS[status])
    assert following is not S.PENDING or not can_transition(status, following)


def test_every_status_is_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(S)
    assert {S.PENDING}.union(*TRANSITIONS.values()) == set(S)


@pytest.mark.parametrize("status", S)
def test_an_order_is_open_until_it_has_ended(status: S) -> None:
    assert status.is_open is (status not in ENDED)


@pytest.mark.parametrize("status", ENDED)
def test_an_ended_order_never_opens_again(status: S) -> None:
    """An open order blocks signals of its symbol, so an ended order must not become open again."""
    assert not any(following.is_open for following in TRANSITIONS[status])


@pytest.mark.parametrize(
    ("status", "whole", "part"),
    [
        (S.PENDING, S.FILLED, S.PARTIALLY_FILLED),
        (S.IN_DOUBT, S.FILLED, S.PARTIALLY_FILLED),
        (S.PARTIALLY_FILLED, S.FILLED, S.PARTIALLY_FILLED),
        (S.CANCELED, S.FILLED, S.CANCELED),
        (S.EXPIRED, S.FILLED, S.EXPIRED),
        (S.PRESUMED_EXPIRED, S.FILLED, S.PRESUMED_EXPIRED),
        (S.FILLED, None, None),
        (S.REJECTED, None, None),
    ],
)
def test_the_status_after_a_deal_depends_on_the_status_before_it_and_the_filled_volume(
    status: S, whole: S | None, part: S | None
) -> None:
    assert status_after_fill(status, is_whole=True) is whole
    assert status_after_fill(status, is_whole=False) is part


def diagram() -> str:
    """Return the table as a mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> PENDING"]
    for status in S:
        lines += [f"    {status} --> {following}" for following in S if following in TRANSITIONS[status]]
    lines += [f"    {status} --> [*]" for status in S if not status.is_open]
    return "\n".join(lines)


def test_the_diagram_in_the_docs_matches_the_table() -> None:
    drawn = re.search(r"```mermaid\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert drawn is not None, f"no mermaid diagram in {PAGE.name}"
    assert drawn[1].strip() == diagram(), f"paste this into {PAGE.name}:\n{diagram()}"


def test_every_status_is_explained_in_the_docs() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [status for status in S if f"| `{status}` |" not in page] == []
