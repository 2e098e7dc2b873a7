"""Prometheus metrics of the gateway process; docs/metrics.md describes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, get_args

from common.metrics import DurationHistogram, ProcessMetrics, Reading
from marketdata.tick_validation import REASONS
from proto.gateway import ErrorCode, Request, TickCounts
from services.mt5.core.gateway.gateway import Gateway

METRICS: Final = ProcessMetrics("mt5")

PUBLISHED_TICKS: Final = METRICS.internal_counter(
    "published_ticks_total", "Ticks published, including repetitions", "symbol"
)
REJECTED_TICKS: Final = METRICS.internal_counter(
    "rejected_ticks_total", "Rejected rows of the tick source, by reason", "reason", known=REASONS[1:]
)
REFUSED: Final = METRICS.internal_counter(
    "refused_requests_total", "Error replies, by error code", "code", known=ErrorCode
)
DROPPED: Final = METRICS.internal_counter(
    "dropped_messages_total", "Messages dropped because they have no empty frame before the payload"
)
STORAGE_FAULTS: Final = METRICS.internal_counter(
    "storage_faults_total", "Failed writes to the journal, the book or the state of the generated market"
)
UNSENT: Final = METRICS.internal_counter(
    "unsent_replies_total", "Replies dropped because the client had disconnected or did not read"
)
_REQUEST_SECONDS: Final = METRICS.histogram(
    "request_seconds", "Handling time of a request, by action, including the commits of an order", "action"
)
_PUBLISHED: Final = METRICS.gauge("published_ordinal", "Ordinal of the last published tick")
_CONFIRMED: Final = METRICS.gauge("confirmed_ordinal", "Ordinal of the last tick that the desk confirmed")
_BOOK: Final = METRICS.gauge("book_ordinal", "Ordinal of the last tick that the simulated broker has processed")
_DEALS: Final = METRICS.external_counter("venue_deals_total", "Deals of the simulated account, including the deposit")
_BALANCE: Final = METRICS.gauge("balance_account_currency", "Balance of the simulated account", "currency")
_EQUITY: Final = METRICS.gauge(
    "equity_account_currency",
    "Equity of the simulated account at the last quotes; NaN if a position cannot be valued",
    "currency",
)

REQUESTS: Final = {str(kind.__struct_config__.tag): DurationHistogram() for kind in get_args(Request)}
"""Handling time by action."""


def init_series(counts: TickCounts, symbols: tuple[str, ...]) -> None:
    """Create the series of all symbols with the value 0, and count the rows that the tick source has rejected."""
    for symbol in symbols:
        PUBLISHED_TICKS.inc(symbol, by=0)
    for reason, rejected in counts.rejected.items():
        REJECTED_TICKS.inc(reason, by=rejected)


def update(gateway: Gateway) -> None:
    """Set the metrics from the gateway's current state."""
    METRICS.update(lambda: _readings(gateway))


def _readings(gateway: Gateway) -> Iterator[Reading]:
    venue, publisher = gateway.venue, gateway.publisher
    for action, timing in REQUESTS.items():
        yield _REQUEST_SECONDS, timing, action
    yield _PUBLISHED, publisher.published
    yield _CONFIRMED, publisher.confirmed
    yield _BOOK, venue.ordinal
    yield _DEALS, venue.deal_count
    yield _BALANCE, float(venue.balance), venue.currency
    equity = venue.equity
    yield _EQUITY, float("nan") if equity is None else float(equity), venue.currency
