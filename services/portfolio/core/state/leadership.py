"""Taking the lead of the account back after another portfolio has had it."""

from __future__ import annotations

from services.portfolio.core.state.desk import Desk


def reclaim_leadership(desk: Desk) -> None:
    """A person has resumed a desk that another one had taken over from: it takes the lead back at the next hello."""
    if desk.is_superseded:
        desk.is_superseded, desk.needs_epoch, desk.needs_hello = False, True, True
