"""Backfill: fetching the missing ticks of one symbol from the gateway, one page at a time."""

from __future__ import annotations

import math
from typing import Final

from proto.gateway import TICKS_LIMIT_MAX, GetTicks, TicksReply
from proto.messages import Tick
from proto.trading.units import PRICE_MAX

RETRY_NS: Final = 500_000_000
"""Pause before a request for a page is repeated: well above the time that a gateway takes for one."""

_NEVER_NS: Final = (1 << 63) - 1


FOLD_TICKS_MAX: Final = 4
"""Fetched ticks folded in one step: few, because a strategy may take long for each."""

QUICK_FOLD_NS: Final = 12_500_000
"""After a step that took no longer than this, the next one folds twice as many ticks; otherwise it folds one."""


class FoldPace:
    """How many fetched ticks to fold in one step, so that messages do not wait for a slow strategy."""

    def __init__(self) -> None:
        self._ticks = 1
        self._before_mono_ns = 0

    def next_ticks_max(self, mono_ns: int) -> int:
        """Most ticks to fold in the step that begins at `mono_ns`."""
        is_quick = mono_ns - self._before_mono_ns <= QUICK_FOLD_NS
        self._ticks = min(2 * self._ticks, FOLD_TICKS_MAX) if is_quick else 1
        self._before_mono_ns = mono_ns
        return self._ticks


class Backfill:
    """Ticks being fetched: all up to `target`, the highest sequence known to be published.

    `is_gap` is True for ticks that were missed, False for those that a start or a slow strategy fetches.
    """

    def __init__(self, symbol: str, target: int, *, is_gap: bool) -> None:
        """Begin to fetch.

        Args:
            symbol: of the ticks.
            target: the highest sequence to fetch.
            is_gap: whether the ticks were missed.
        """
        self.symbol = symbol
        self.target = target
        self.is_gap = is_gap
        self.retry_mono_ns = 0
        self.page: TicksReply | None = None
        """Ticks fetched and not folded yet."""

    def hold(self, page: TicksReply) -> None:
        """Keep a page until it is folded; nothing more is requested before that."""
        self.page = page
        self.retry_mono_ns = _NEVER_NS

    def next_ticks(self, from_sequence: int, ticks_max: int, mono_ns: int) -> list[Tick]:
        """The next ticks of the page, which is dropped with its last one.

        Args:
            from_sequence: of the first tick, the next one of the symbol.
            ticks_max: most ticks to return.
            mono_ns: stands for the time of publication, which the gateway does not keep.
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
        """The request for the page that begins at `from_sequence`, to be repeated `RETRY_NS` after `mono_ns`."""
        self.retry_mono_ns = mono_ns + RETRY_NS
        return GetTicks(
            request_id=request_id(self.symbol, from_sequence),
            symbol=self.symbol,
            from_sequence=from_sequence,
            limit=TICKS_LIMIT_MAX,
        )


def request_id(symbol: str, from_sequence: int) -> str:
    """The request id of a page, which ties a refusal to it; at most 64 characters."""
    return f"{from_sequence}:{symbol}"[:64]


def problem_of(page: TicksReply) -> str:
    """Fault of a page, empty for a valid one; the schema does not check the values of columns."""
    count = len(page.ordinal)
    columns = (page.time_ns, page.bid, page.ask, page.volume)
    if any(len(column) != count for column in columns):
        return "columns of different lengths"
    if any(not 0 < price <= PRICE_MAX for prices in (page.bid, page.ask) for price in prices):
        return "a price out of range"
    if any(not (math.isfinite(volume) and volume >= 0) for volume in page.volume):
        return "a volume out of range"
    if any(later <= earlier for earlier, later in zip(page.ordinal, page.ordinal[1:], strict=False)):
        return "ordinals that do not rise"
    if count and (page.ordinal[0] < 1 or min(page.time_ns) < 0):
        return "an ordinal or a time out of range"
    return ""
