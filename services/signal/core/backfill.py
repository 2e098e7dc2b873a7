"""Fetching missing ticks of one symbol from the gateway, one page at a time."""

from __future__ import annotations

import math
from typing import Final

from proto.gateway import TICKS_LIMIT_MAX, GetTicks, TicksReply
from proto.messages import Tick
from proto.trading.units import PRICE_MAX

RETRY_NS: Final = 500_000_000
"""Pause before an unanswered page is asked for again: well above the time a gateway takes for one."""

_NEVER_NS: Final = (1 << 63) - 1


FOLD_TICKS_MAX: Final = 4
"""Fetched ticks folded in one go: few, for one may take long."""

QUICK_FOLD_NS: Final = 12_500_000
"""When one go took no longer than this, the next one folds twice as many ticks; otherwise it folds one."""


class FoldPace:
    """How many fetched ticks to fold in one go, so that messages do not wait for a slow strategy."""

    def __init__(self) -> None:
        self._ticks = 1
        self._before_mono_ns = 0

    def next_ticks_max(self, mono_ns: int) -> int:
        """Most ticks to fold in the go that begins at `mono_ns`."""
        is_quick = mono_ns - self._before_mono_ns <= QUICK_FOLD_NS
        self._ticks = min(2 * self._ticks, FOLD_TICKS_MAX) if is_quick else 1
        self._before_mono_ns = mono_ns
        return self._ticks


class Backfill:
    """What is being fetched: everything up to `target`, the highest sequence known to be published.

    `is_gap` tells ticks that were missed from those that a start folds anew.
    """

    def __init__(self, symbol: str, target: int, *, is_gap: bool) -> None:
        self.symbol = symbol
        self.target = target
        self.is_gap = is_gap
        self.retry_mono_ns = 0
        self.page: TicksReply | None = None
        """What has been fetched and is not folded yet."""

    def hold(self, page: TicksReply) -> None:
        """Keep a page that has come until it is folded; nothing more is asked for before that."""
        self.page = page
        self.retry_mono_ns = _NEVER_NS

    def next_ticks(self, from_sequence: int, ticks_max: int, mono_ns: int) -> list[Tick]:
        """The next ticks of the page; with its last one the page is done with.

        When they were published is not kept by the gateway: they have reached this process at `mono_ns`.
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
        """The request for the next page."""
        self.retry_mono_ns = mono_ns + RETRY_NS
        return GetTicks(
            request_id=request_id(self.symbol, from_sequence),
            symbol=self.symbol,
            from_sequence=from_sequence,
            limit=TICKS_LIMIT_MAX,
        )


def request_id(symbol: str, from_sequence: int) -> str:
    """Ties a refusal to the page it refuses; shorter than the 64 characters of a request id for any symbol in use."""
    return f"{from_sequence}:{symbol}"[:64]


def problem_of(page: TicksReply) -> str:
    """Why a page cannot be ticks, or nothing; MessagePack floats may be anything, and the schema bounds no columns."""
    count = len(page.ordinal)
    columns = (page.time_ns, page.bid, page.ask, page.volume)
    if any(len(column) != count for column in columns):
        return "columns of different lengths"
    if any(not 0 < price <= PRICE_MAX for prices in (page.bid, page.ask) for price in prices):
        return "a price that is none"
    if any(not (math.isfinite(volume) and volume >= 0) for volume in page.volume):
        return "a volume that is none"
    if any(later <= earlier for earlier, later in zip(page.ordinal, page.ordinal[1:], strict=False)):
        return "ordinals that do not rise"
    if count and (page.ordinal[0] < 1 or min(page.time_ns) < 0):
        return "an ordinal or a time below its least"
    return ""
