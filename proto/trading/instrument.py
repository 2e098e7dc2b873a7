"""Trading terms of a symbol, as the venue defines them."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Final, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import force_setattr

from proto.trading.enums import CalculationMode, GtcMode, SwapMode, TradeMode
from proto.trading.server_time import NEW_YORK_CLOSE, is_clock, is_in_session, next_day_ns, server_day
from proto.trading.units import ZERO, Name, TimeNs, decimal_text, is_on_step, last_decimal, require_exact

Minute = Annotated[int, Meta(ge=0, le=7 * 24 * 60)]
OptionalCurrency = Annotated[str, Meta(max_length=8)]

Weekdays = tuple[Decimal, Decimal, Decimal, Decimal, Decimal, Decimal, Decimal]

ROWS_MAX: Final = 500
SESSIONS_MAX: Final = 100
HOLIDAYS_MAX: Final = 366
"""Largest number of rows of a dated table, of sessions of a week, and of holidays: an instrument must fit a frame."""

Sessions = Annotated[tuple[tuple[Minute, Minute], ...], Meta(max_length=SESSIONS_MAX)]

SATURDAY: Final = 5
TRIPLE_WEDNESDAY: Final = (Decimal(1), Decimal(1), Decimal(3), Decimal(1), Decimal(1), Decimal(0), Decimal(0))
"""Swap multiples from Monday to Sunday. The two nights of the weekend are charged with the night after Wednesday."""

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_ONE: Final = Decimal(1)


class SwapTerms(Struct, frozen=True, array_like=True):
    """A row of a symbol's swaps, in force from the day `since` of the symbol's clock; None: from the beginning.

    `long` and `short` are the swaps of 1 lot for one night, positive when earned, negative when charged. `mode` defines
    the unit: points, money, or percent a year.
    """

    since: date | None = None
    mode: SwapMode = SwapMode.POINTS
    long: Decimal = ZERO
    short: Decimal = ZERO

    def __post_init__(self) -> None:
        """Refuse a swap that is not a finite decimal of acceptable size."""
        require_exact("swap of a long position", self.long)
        require_exact("swap of a short position", self.short)


class CommissionTerms(Struct, frozen=True, array_like=True):
    """A row of a symbol's commissions, in force from the day `since` of the symbol's clock; None: from the beginning.

    `per_lot` is charged for each lot of each deal. It is a positive amount in `currency`, or in the account's currency
    if `currency` is empty.
    """

    since: date | None = None
    per_lot: Decimal = ZERO
    currency: OptionalCurrency = ""

    def __post_init__(self) -> None:
        """Refuse a commission that is not a finite decimal of acceptable size."""
        require_exact("commission per lot", self.per_lot)


Dated = TypeVar("Dated", SwapTerms, CommissionTerms)


class Instrument(Struct, frozen=True, kw_only=True):
    """Trading terms of one symbol, as in GET_SYMBOL_INFO; docs/instruments.md has the formulas and their sources.

    `contract_size` is in units of the base currency (or ounces, barrels, ...) per lot. `volume_*` are in lots;
    `volume_limit` is the most lots of positions and pending orders of one side together, 0 for no limit. `tick_size` is
    a price step. `tick_price` is the value of a tick of 1 lot in profit currency, for the calculation modes that use
    it. `tick_value` is the current value of a tick of 1 lot in account currency, None if no rate is known. Profit is in
    `profit_currency`, margin in `margin_currency`. `digits` is the number of decimals of a price. A stop must be at
    least `stops_level_points` away from the market. An order or stop at most `freeze_level_points` away from the market
    cannot be changed.

    `margin_initial` and `margin_maintenance` are amounts per lot in margin currency that replace the formula of the
    calculation mode. If both are 0, the formula applies. If only `margin_maintenance` is 0, `margin_initial` applies to
    held positions too. `margin_rates_long` and `margin_rates_short` multiply the amount or the formula: the first rate
    for opening, the second for holding a position. `margin_hedged` applies to lots held both long and short: it
    replaces their contract size, or their amount per lot if one is given. With None, the margin is the larger one of
    the two sides' margins.

    Sessions are spans of the week of `clock`, in minutes from Monday 00:00; without spans the symbol is always open.
    `holidays` are spans of UTC nanoseconds without trading. From `expires_ns` on, if it is not 0, the symbol is not
    traded. `swap_weekdays` are the swap multiples of the night after each day of the clock, from Monday to Sunday.
    `filling` lists the filling modes that the venue accepts for a market order. The simulated venue also applies the
    list to a LIMIT order with FOK or IOC. `untold` names the fields that the venue does not report and that have their
    defaults here.

    `swap_*_points`, `swap_triple_weekday` and `commission_per_lot` are fields of earlier versions. They are converted
    to `swaps`, `swap_weekdays` and `commissions`, and never written.
    """

    symbol: Name
    base_currency: Annotated[str, Meta(min_length=3, max_length=8)]
    profit_currency: Annotated[str, Meta(min_length=3, max_length=8)]
    digits: Annotated[int, Meta(ge=0, le=10)]
    contract_size: Decimal
    tick_size: Decimal
    volume_min: Decimal
    volume_max: Decimal
    volume_step: Decimal
    volume_limit: Decimal = ZERO
    tick_value: Decimal | None = None
    tick_price: Decimal = ZERO
    stops_level_points: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    freeze_level_points: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    calculation_mode: CalculationMode = CalculationMode.FOREX
    margin_currency: OptionalCurrency = ""
    margin_initial: Decimal = ZERO
    margin_maintenance: Decimal = ZERO
    margin_rates_long: tuple[Decimal, Decimal] = (_ONE, _ONE)
    margin_rates_short: tuple[Decimal, Decimal] = (_ONE, _ONE)
    margin_hedged: Decimal | None = None
    swaps: Annotated[tuple[SwapTerms, ...], Meta(max_length=ROWS_MAX)] = ()
    swap_weekdays: Weekdays = TRIPLE_WEDNESDAY
    commissions: Annotated[tuple[CommissionTerms, ...], Meta(max_length=ROWS_MAX)] = ()
    clock: Name = NEW_YORK_CLOSE
    sessions: Sessions = ()
    quote_sessions: Sessions = ()
    holidays: Annotated[tuple[tuple[TimeNs, TimeNs], ...], Meta(max_length=HOLIDAYS_MAX)] = ()
    expires_ns: TimeNs = 0
    filling: Annotated[tuple[Annotated[str, Meta(max_length=8)], ...], Meta(max_length=3)] = ("FOK", "IOC", "RETURN")
    gtc_mode: GtcMode = GtcMode.GTC
    trade_mode: TradeMode = TradeMode.FULL
    untold: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()
    swap_long_points: Decimal | UnsetType = UNSET
    swap_short_points: Decimal | UnsetType = UNSET
    swap_triple_weekday: Annotated[int, Meta(ge=0, le=6)] | UnsetType = UNSET
    commission_per_lot: Decimal | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Check numbers and clock, and convert the terms of earlier versions.

        Raises:
            ValueError: a number, the clock, or the date of a row is invalid. The text has the value and the
                expectation.
        """
        for field in ("contract_size", "tick_size", "volume_min", "volume_max", "volume_step"):
            value: Decimal = getattr(self, field)
            require_exact(field, value)
            if value <= 0:
                raise ValueError(f"{field} of {self.symbol} is {value}, expected more than 0")
        if self.tick_value is not None:
            require_exact("tick_value", self.tick_value)
        if not is_clock(self.clock):
            raise ValueError(f"clock of {self.symbol} is {self.clock}, expected {NEW_YORK_CLOSE}, UTC or a zone")
        self._check_margin()
        self._take_earlier_terms()
        _check_dates(self.symbol, self.swaps)
        _check_dates(self.symbol, self.commissions)

    def _check_margin(self) -> None:
        """Require margin terms, `volume_limit`, `tick_price` and `swap_weekdays` of 0 or more.

        Raises:
            ValueError: one of them is negative or refused by `require_exact`, or `tick_price` is 0 in a calculation
                mode that needs it.
        """
        for field, value in (
            ("volume_limit", self.volume_limit),
            ("tick_price", self.tick_price),
            ("margin_initial", self.margin_initial),
            ("margin_maintenance", self.margin_maintenance),
            ("margin_rates_long", min(self.margin_rates_long)),
            ("margin_rates_short", min(self.margin_rates_short)),
            ("margin_hedged", self.margin_hedged or ZERO),
            ("swap_weekdays", min(self.swap_weekdays)),
        ):
            require_exact(field, value)
            if value < 0:
                raise ValueError(f"{field} of {self.symbol} is {value}, expected 0 or more")
        if self.calculation_mode in (CalculationMode.FUTURES, CalculationMode.CFD_INDEX) and not self.tick_price:
            mode = self.calculation_mode
            raise ValueError(f"tick_price of {self.symbol} is 0, expected more than 0 in calculation mode {mode}")

    def _take_earlier_terms(self) -> None:
        long, short, triple = self.swap_long_points, self.swap_short_points, self.swap_triple_weekday
        if long is not UNSET or short is not UNSET:
            row = SwapTerms(long=ZERO if long is UNSET else long, short=ZERO if short is UNSET else short)
            force_setattr(self, "swaps", (row,) if row.long or row.short else ())
        if triple is not UNSET:
            force_setattr(self, "swap_weekdays", weekdays_of_triple(triple))
        if self.commission_per_lot is not UNSET:
            row_of_commission = CommissionTerms(per_lot=self.commission_per_lot)
            force_setattr(self, "commissions", (row_of_commission,) if row_of_commission.per_lot else ())
        for field in ("swap_long_points", "swap_short_points", "swap_triple_weekday", "commission_per_lot"):
            force_setattr(self, field, UNSET)
        if self.calculation_mode is CalculationMode.FOREX and self.margin_currency == self.profit_currency:
            # Earlier versions had no calculation mode. There, margin in the profit currency depended on the price, as
            # in the CFD modes.
            force_setattr(self, "calculation_mode", CalculationMode.CFD_LEVERAGE)

    def takes_volume(self, volume: Decimal) -> bool:
        """Whether the venue accepts an order of `volume` lots: within the bounds, and a multiple of the step."""
        return self.volume_min <= volume <= self.volume_max and is_on_step(volume, self.volume_step)

    @property
    def volume_terms(self) -> str:
        """Text of the accepted volumes: bounds and step in lots."""
        least, most = decimal_text(self.volume_min), decimal_text(self.volume_max)
        return f"{least} to {most} lots in steps of {decimal_text(self.volume_step)}"

    @property
    def point(self) -> Decimal:
        """The last decimal of a price: 10^-digits."""
        return last_decimal(self.digits)

    @property
    def multiplier(self) -> Decimal:
        """Profit of 1 lot held long, in profit currency, when the price rises by 1.

        Source: MetaTrader 5's formulas of profit (ENUM_SYMBOL_CALC_MODE). The multiplier is tick price / tick size in
        the mode FUTURES, and the contract size in the other modes.
        """
        return self.contract_size if self.calculation_mode is not CalculationMode.FUTURES else self.tick_ratio

    @property
    def tick_ratio(self) -> Decimal:
        """Value of a price move of 1 for 1 lot, in profit currency: tick price / tick size."""
        return self.tick_price / self.tick_size

    def day(self, time_ns: int) -> int:
        """Day of the symbol's clock at UTC time `time_ns`, numbered from 1970-01-01."""
        return server_day(time_ns, self.clock)

    def next_day_ns(self, time_ns: int) -> int:
        """UTC nanoseconds at which the next day of the symbol's clock begins after `time_ns`, or up to an hour before.

        See `server_time.next_day_ns`.
        """
        return next_day_ns(time_ns, self.clock)

    def swap_terms(self, day: int) -> SwapTerms | None:
        """Swap terms of the night after `day`, numbered from 1970-01-01; None for a symbol without swaps."""
        return row_in_force(self.swaps, day)

    def commission_terms(self, time_ns: int) -> CommissionTerms | None:
        """Commission terms of a deal at UTC time `time_ns`; None for a symbol without commissions."""
        return row_in_force(self.commissions, self.day(time_ns)) if self.commissions else None

    def is_traded(self, time_ns: int) -> bool:
        """Whether the symbol is traded at UTC time `time_ns`: within a session, outside holidays, and before expiry.

        The end of a session is excluded. A symbol without sessions is traded at all times outside holidays, until its
        expiry.
        """
        if self.expires_ns and time_ns >= self.expires_ns:
            return False
        if self.sessions and not is_in_session(self.sessions, time_ns, self.clock):
            return False
        if not self.holidays:
            return True
        place = bisect_right(self.holidays, time_ns, key=lambda span: span[0])
        return not place or time_ns >= self.holidays[place - 1][1]


def row_in_force(rows: tuple[Dated, ...], day: int) -> Dated | None:
    """The last row whose date is on or before `day`, numbered from 1970-01-01; None without rows."""
    if len(rows) < 2:
        return rows[0] if rows else None
    return rows[max(bisect_right(rows, day, key=_first_day) - 1, 0)]


def _first_day(row: SwapTerms | CommissionTerms) -> int:
    return -_EPOCH_ORDINAL if row.since is None else row.since.toordinal() - _EPOCH_ORDINAL


def _check_dates(symbol: str, rows: tuple[Dated, ...]) -> None:
    """Require that the first row has no date, and each further row a later date than the row before.

    Raises:
        ValueError: names the row and the expectation.
    """
    for place, row in enumerate(rows):
        if (row.since is None) != (not place):
            shown = "none" if row.since is None else row.since.isoformat()
            raise ValueError(
                f"row {place + 1} of a table of {symbol} begins at {shown}, expected "
                f"{'a date' if place else 'none: the first row has no date'}"
            )
        if place > 1 and _first_day(row) <= _first_day(rows[place - 1]):
            raise ValueError(f"row {place + 1} of a table of {symbol} begins at {row.since}, expected a later date")


@lru_cache(maxsize=7)
def weekdays_of_triple(triple: int) -> Weekdays:
    """Swap multiples from Monday to Sunday: 3 for the night after `triple`, 0 for Saturday and Sunday, else 1.

    Args:
        triple: weekday of the triple swap, 0 Monday to 6 Sunday. On a Saturday or Sunday, 3 replaces 0.
    """
    mon, tue, wed, thu, fri, sat, sun = (
        Decimal(3 if day == triple else 0 if day >= SATURDAY else 1) for day in range(7)
    )
    return mon, tue, wed, thu, fri, sat, sun
