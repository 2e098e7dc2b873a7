"""Combines the owners of the desk's state."""

from __future__ import annotations

from msgspec import Struct

from services.portfolio.core.account.book import Book
from services.portfolio.core.state.account import AccountState
from services.portfolio.core.state.config import DeskConfig
from services.portfolio.core.state.latencies import Latencies
from services.portfolio.core.state.lease import LeaseState
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.stream import StreamState
from services.portfolio.core.state.warnings import Warnings


class PortfolioState(Struct, frozen=True, kw_only=True):
    """The configuration of the desk, and all owners of its state."""

    config: DeskConfig
    account: AccountState
    stream: StreamState
    lease: LeaseState
    warnings: Warnings
    latencies: Latencies


def needs_commit(state: PortfolioState) -> bool:
    """Whether an event, or the progress of the stream, is not yet in the ledger."""
    return state.stream.has_advanced or state.account.event_count > 0


def compose_state(
    *,
    config: DeskConfig,
    book: Book,
    persisted: PersistedState,
    incarnation: str,
    incarnation_reason: str = "",
    boot_id: str = "",
) -> PortfolioState:
    """Create the owners from the state that the ledger has stored.

    Args:
        config: settings of the desk.
        book: the account; an empty book for a new account.
        persisted: the stored state; the default for a new account.
        incarnation: first part of the order ids of a live stream.
        incarnation_reason: why `incarnation` may differ from the ledger's.
        boot_id: identifies this process at the gateway.
    """
    stream, warnings = StreamState(persisted), Warnings()
    account = AccountState(
        book, config.limits, stream, warnings, incarnation=incarnation, incarnation_reason=incarnation_reason
    )
    lease = LeaseState(account, warnings, boot_id=boot_id)
    return PortfolioState(
        config=config, account=account, stream=stream, lease=lease, warnings=warnings, latencies=Latencies()
    )
