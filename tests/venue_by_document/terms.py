"""Terms of symbols, with the field names of `docs/instruments.md`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from proto.trading.enums import CalculationMode, GtcMode, SwapMode
from proto.trading.instrument import Instrument
from tests.venue_by_document.server_clock import EPOCH, SERVER, Clock, Spans

ONE = Decimal(1)
ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class SwapRow:
    """Swap of 1 lot for one night, in force from a day on; the first row has no day."""

    since: date | None = None
    mode: SwapMode
    long: Decimal
    short: Decimal


@dataclass(frozen=True, kw_only=True)
class CommissionRow:
    """Commission per lot of a deal, positive, in force from a day on; without a currency, in account currency."""

    since: date | None = None
    per_lot: Decimal
    currency: str = ""


Row = TypeVar("Row", SwapRow, CommissionRow)


@dataclass(frozen=True, kw_only=True)
class SymbolTerms:
    """Terms of one symbol. `holidays` are spans of UTC nanoseconds, whose end is excluded; `expires_ns` is 0 for never.

    If `margin_hedged` is None, margin is charged for the larger side only.
    """

    symbol: str
    base_currency: str
    profit_currency: str
    margin_currency: str
    digits: int
    tick_size: Decimal
    tick_price: Decimal = ZERO
    contract_size: Decimal
    volume_limit: Decimal = ZERO
    calculation_mode: CalculationMode
    margin_initial: Decimal = ZERO
    margin_maintenance: Decimal = ZERO
    margin_rates_long: tuple[Decimal, Decimal] = (ONE, ONE)
    margin_rates_short: tuple[Decimal, Decimal] = (ONE, ONE)
    margin_hedged: Decimal | None = None
    swaps: tuple[SwapRow, ...] = ()
    swap_weekdays: tuple[Decimal, ...]
    commissions: tuple[CommissionRow, ...] = ()
    clock: Clock = SERVER
    sessions: Spans = ()
    holidays: tuple[tuple[int, int], ...] = ()
    expires_ns: int = 0
    gtc_mode: GtcMode = GtcMode.GTC
    stops_level_points: int
    freeze_level_points: int

    @property
    def point(self) -> Decimal:
        """The last decimal of a price: 10^-digits."""
        return ONE.scaleb(-self.digits)

    @property
    def multiplier(self) -> Fraction:
        """Profit of 1 lot if the price rises by 1, in the profit currency."""
        if self.calculation_mode is CalculationMode.FUTURES:
            return Fraction(self.tick_price) / Fraction(self.tick_size)
        return Fraction(self.contract_size)

    def swap_of(self, day: int) -> SwapRow | None:
        """The swap row in force for the night after a day of the clock."""
        return _in_force(self.swaps, day)

    def commission_of(self, time_ns: int) -> CommissionRow | None:
        """The commission row in force for a deal at a time."""
        return _in_force(self.commissions, self.clock.day(time_ns))

    def is_traded(self, time_ns: int) -> bool:
        """Whether a time is in a session, outside holidays, and before the expiry."""
        if self.sessions and not self.clock.is_in(self.sessions, time_ns):
            return False
        if self.expires_ns and time_ns >= self.expires_ns:
            return False
        return not any(begin <= time_ns < end for begin, end in self.holidays)

    def traded_since_ns(self, time_ns: int) -> int:
        """The beginning of the uninterrupted trading time that contains a time."""
        begins = [end for _, end in self.holidays if end <= time_ns]
        if self.sessions:
            begins.append(self.clock.span_begin_ns(self.sessions, time_ns))
        return max(begins, default=0)


TermsOf = Mapping[str, SymbolTerms]
"""Terms by symbol, in the order of the run."""


def _in_force(rows: tuple[Row, ...], day: int) -> Row | None:
    as_date = (EPOCH + timedelta(days=day)).date()
    return next((row for row in reversed(rows) if row.since is None or row.since <= as_date), None)


def terms_of_instrument(instrument: Instrument) -> SymbolTerms:
    """The terms of a symbol of the simulated broker, as the gateway reported them."""
    return SymbolTerms(
        symbol=instrument.symbol,
        base_currency=instrument.base_currency,
        profit_currency=instrument.profit_currency,
        margin_currency=instrument.margin_currency or instrument.base_currency,
        digits=instrument.digits,
        tick_size=instrument.tick_size,
        contract_size=instrument.contract_size,
        calculation_mode=instrument.calculation_mode,
        swaps=tuple(
            SwapRow(since=row.since, mode=row.mode, long=row.long, short=row.short) for row in instrument.swaps
        ),
        swap_weekdays=instrument.swap_weekdays,
        commissions=tuple(
            CommissionRow(since=row.since, per_lot=row.per_lot, currency=row.currency) for row in instrument.commissions
        ),
        sessions=instrument.sessions,
        stops_level_points=instrument.stops_level_points,
        freeze_level_points=instrument.freeze_level_points,
    )
