"""Backfill: fetches the missing ticks of one symbol from the gateway, one page at a time."""

from __future__ import annotations

import math
from typing import Final

from proto.gateway import TICKS_LIMIT_MAX, GetTicks, TicksReply
from proto.messages import Tick
from proto.trading.units import PRICE_MAX

RETRY_NS: Final = 500_000_000
"""Pause before a request for a page is repeated, well above the time in which a gateway replies."""

_NEVER_NS: Final = (1 << 63) - 1


STEP_TICKS_MAX: Final = 4
"""Largest number of fetched ticks processed in one step; few, because a strategy may take long for each tick."""

QUICK_STEP_NS: Final = 12_500_000
"""If the last step began at most this long ago, the next step processes twice as many ticks; otherwise one tick."""


class BackfillPace:
    """Determines how many fetched ticks to process in one step, so that messages do not wait for a slow strategy."""

    def __init__(self) -> None:
        self._ticks = 1
        self._before_mono_ns = 0

    def next_ticks_max(self, mono_ns: int) -> int:
        """Return the largest number of ticks to process in the step that begins at `mono_ns`."""
        is_quick = mono_ns - self._before_mono_ns <= QUICK_STEP_NS
        self._ticks = min(2 * self._ticks, STEP_TICKS_MAX) if is_quick else 1
        self._before_mono_ns = mono_ns
        return self._ticks


class Backfill:
    """The fetch of all ticks up to `target`, the highest sequence known to be published.

    `is_gap` is True if the ticks were missed, False if they are fetched at a start or because of a slow strategy.
    """

    def __init__(self, symbol: str, target: int, *, is_gap: bool) -> None:
        """Begin to fetch.

        Args:
            symbol: symbol of the ticks.
            target: the highest sequence to fetch.
            is_gap: whether the ticks were missed.
        """
        self.symbol = symbol
        self.target = target
        self.is_gap = is_gap
        self.retry_mono_ns = 0
        self.page: TicksReply | None = None
        """Ticks that were fetched but not processed yet."""

    def hold(self, page: TicksReply) -> None:
        """Keep a page until its ticks are processed; the next page is requested only afterwards."""
        self.page = page
        self.retry_mono_ns = _NEVER_NS

    def next_ticks(self, from_sequence: int, ticks_max: int, mono_ns: int) -> list[Tick]:
        """Return the next ticks of the page, and drop the page after its last tick.

        Args:
            from_sequence: sequence of the first tick to return, which must be the symbol's next tick.
            ticks_max: largest number of ticks to return.
            mono_ns: used as the time of publication of the ticks, which the gateway does not store.
        """
        page = self.page
        assert page is not None
        first = from_sequence - page.from_sequence
        part = slice(first, first + ticks_max)
        if part.stop >= len(page.ordinal):
            self.page = None
        columns = zip(
            page.ordinal[part], page.time_ns[part], page.bid[part], page.ask[part], page.volume[part], strict=True
        )
        stream_id, symbol = page.stream_id, page.symbol
        return [
            Tick("", "", stream_id, symbol, sequence, ordinal, time_ns, bid, ask, volume, mono_ns)
            for sequence, (ordinal, time_ns, bid, ask, volume) in enumerate(columns, start=from_sequence)
        ]

    def next_request(self, from_sequence: int, mono_ns: int) -> GetTicks:
        """Return the request for the page that begins at `from_sequence`; it is repeated `RETRY_NS` after `mono_ns`."""
        self.retry_mono_ns = mono_ns + RETRY_NS
        return GetTicks(
            request_id=request_id(self.symbol, from_sequence),
            symbol=self.symbol,
            from_sequence=from_sequence,
            limit=TICKS_LIMIT_MAX,
        )


def request_id(symbol: str, from_sequence: int) -> str:
    """Return the request id of the page that begins at `from_sequence`; at most 64 characters.

    The gateway's reply has the same id, so that a refusal names the refused page.
    """
    return f"{from_sequence}:{symbol}"[:64]


def problem_of(page: TicksReply) -> str:
    """Return the fault of a page, empty for a valid page; the schema does not check the values of the columns."""
    count = len(page.ordinal)
    columns = (page.time_ns, page.bid, page.ask, page.volume)
    if any(len(column) != count for column in columns):
        return "columns of different lengths"
    if any(not 0 < price <= PRICE_MAX for prices in (page.bid, page.ask) for price in prices):
        return "a price out of range"
    if any(not (math.isfinite(volume) and volume >= 0) for volume in page.volume):
        return "a volume out of range"
    if any(later <= earlier for earlier, later in zip(page.ordinal, page.ordinal[1:], strict=False)):
        return "ordinals that do not increase"
    if count and (page.ordinal[0] < 1 or min(page.time_ns) < 0):
        return "an ordinal or a time out of range"
    return ""
