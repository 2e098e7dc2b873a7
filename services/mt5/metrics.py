"""What the gateway process counts for Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

from services.mt5.core.gateway import Gateway

REQUESTS: Final = Counter("trading_mt5_requests_total", "Requests answered, by action", ["action"])
REFUSED: Final = Counter("trading_mt5_refused_total", "Replies with an error, by its code", ["code"])
DROPPED: Final = Counter("trading_mt5_dropped_messages_total", "Messages without an envelope to answer to")
UNSENT: Final = Counter("trading_mt5_unsent_replies_total", "Replies whose client had gone or did not read")
TICKS: Final = Counter("trading_mt5_ticks_published_total", "Ticks published, repetitions included")
PUBLISHED: Final = Gauge("trading_mt5_published_ordinal", "Ordinal of the last published tick")
BOOK: Final = Gauge("trading_mt5_book_ordinal", "Ordinal of the tick at which the simulated book stands")
DEALS: Final = Gauge("trading_mt5_deals", "Deals in the simulated book")
BALANCE: Final = Gauge("trading_mt5_balance_account", "Balance of the simulated account, in its currency")


def show(gateway: Gateway) -> None:
    """Bring the gauges up to the state of the gateway."""
    PUBLISHED.set(gateway.publisher.published)
    BOOK.set(gateway.venue.ordinal)
    DEALS.set(gateway.venue.deal_count)
    BALANCE.set(float(gateway.venue.balance))
