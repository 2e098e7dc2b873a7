"""The owners of the desk's state, together."""

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
    """The owners of the state, to be passed where most of them are needed."""

    config: DeskConfig
    account: AccountState
    stream: StreamState
    lease: LeaseState
    warnings: Warnings
    latencies: Latencies


def needs_commit(state: PortfolioState) -> bool:
    """Whether the ledger lacks an event, or progress of the stream."""
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
    """Make the owners from what the ledger kept; an empty book and a default state if new."""
    stream, warnings = StreamState(persisted), Warnings()
    account = AccountState(
        book, config.limits, stream, warnings, incarnation=incarnation, incarnation_reason=incarnation_reason
    )
    lease = LeaseState(account, warnings, boot_id=boot_id)
    return PortfolioState(
        config=config, account=account, stream=stream, lease=lease, warnings=warnings, latencies=Latencies()
    )
