"""Replies to queries from the state in memory. WHY also reads events from the ledger, EQUITY the equity points.

They are read over a separate connection, so that a query cannot disturb a commit.
"""

from __future__ import annotations

from pathlib import Path

from common.errors import StartError
from proto.control import ControlError, EquityQuery, ViewQuery, WhyQuery
from proto.control.views import EquityReply, ViewReply, WhyReply
from services.portfolio.core.account.book import Book
from services.portfolio.core.queries.explain import UnknownSubjectError, explain, find_subject
from services.portfolio.core.queries.views import RoundTripsNotReadyError, equity_row, view_reply
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.portfolio_state import PortfolioState
from services.portfolio.ledger.event_search import events_about
from services.portfolio.ledger.ledger import load_equity_points


def answer_query(state: PortfolioState, query: ViewQuery, ledger: Path, mono_ns: int) -> ViewReply | ControlError:
    """Return the reply to a query, or an error: unknown subject, round trips not ready, or unreadable ledger.

    `mono_ns` is the host's monotonic clock in nanoseconds.
    """
    try:
        match query:
            case EquityQuery():
                return answer_equity(query, ledger)
            case WhyQuery():
                return answer_why(query.id, state.account.book, state.stream.persisted, ledger)
            case _:
                return view_reply(state, query, mono_ns)
    except (RoundTripsNotReadyError, UnknownSubjectError, StartError) as error:
        return ControlError(error=str(error)[:512])


def answer_why(name: str, book: Book, kept: PersistedState, ledger: Path) -> WhyReply:
    """Explain the subject `name`, with the events about it in the ledger's file.

    Raises:
        UnknownSubjectError: `name` is not the name of any subject.
        StartError: the ledger's file cannot be read.
    """
    subject = find_subject(name, book, kept.cursor)
    return explain(subject, events_about(ledger, subject), book, kept)


def answer_equity(query: EquityQuery, ledger: Path) -> EquityReply:
    """Return a page of the equity points in the ledger's file.

    Raises:
        StartError: the ledger's file cannot be read.
    """
    # One point more than the limit shows whether another page follows.
    points = load_equity_points(ledger, query.after + 1, limit=query.limit + 1)
    rows = [equity_row(point) for point in points[: query.limit]]
    return EquityReply(next=rows[-1].time_ns if len(points) > query.limit else 0, rows=rows)
