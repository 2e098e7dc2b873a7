"""What the venue says of a symbol."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from proto.trading.enums import TradeMode
from proto.trading.server_time import is_in_session
from proto.trading.units import Name, decimal_text, is_on_step, require_exact

Minute = Annotated[int, Meta(ge=0, le=7 * 24 * 60)]


class Instrument(Struct, frozen=True, kw_only=True):
    """Trading terms of one symbol, as GET_SYMBOL_INFO tells them.

    `contract_size` is in units of the base currency (or ounces, barrels, ...) for 1 lot; `volume_*` in lots;
    `tick_size` in price, `tick_value` what a tick of 1 lot is worth in account currency at the moment (None: no rate is known).
    Profit arises in `profit_currency`; margin is asked for in `margin_currency`. A point is the last of `digits`; stops
    may not be nearer to the market than `stops_level_points`, and nothing that is nearer than `freeze_level_points` to its
    execution can be changed. `swap_*_points` are what 1 lot earns (> 0) or costs (< 0) overnight, in points, three times on the
    night that follows `swap_triple_weekday` (0 Monday). `sessions` are spans of the server's week in minutes from Monday 00:00;
    none at all means that it trades always. `filling` are the fillings that the venue takes of a market order. `commission_per_lot`
    is asked by the broker for each deal, in account currency.
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
    tick_value: Decimal | None = None
    stops_level_points: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    freeze_level_points: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    margin_currency: Annotated[str, Meta(max_length=8)] = ""
    swap_long_points: Decimal = Decimal(0)
    swap_short_points: Decimal = Decimal(0)
    swap_triple_weekday: Annotated[int, Meta(ge=0, le=6)] = 2
    sessions: Annotated[tuple[tuple[Minute, Minute], ...], Meta(max_length=100)] = ()
    filling: Annotated[tuple[Annotated[str, Meta(max_length=8)], ...], Meta(max_length=3)] = ("FOK", "IOC", "RETURN")
    commission_per_lot: Decimal = Decimal(0)
    trade_mode: TradeMode = TradeMode.FULL

    def __post_init__(self) -> None:
        """Every number is finite and positive."""
        for field in ("contract_size", "tick_size", "volume_min", "volume_max", "volume_step"):
            value: Decimal = getattr(self, field)
            require_exact(field, value)
            if value <= 0:
                raise ValueError(f"{field} of {self.symbol} is {value}, expected more than 0")
        for field in ("tick_value", "swap_long_points", "swap_short_points", "commission_per_lot"):
            said: Decimal | None = getattr(self, field)
            if said is not None:
                require_exact(field, said)

    def takes_volume(self, volume: Decimal) -> bool:
        """Whether an order of so many lots is within the terms."""
        return self.volume_min <= volume <= self.volume_max and is_on_step(volume, self.volume_step)

    @property
    def volume_terms(self) -> str:
        """The volumes that are taken, for people."""
        least, most = decimal_text(self.volume_min), decimal_text(self.volume_max)
        return f"{least} to {most} lots in steps of {decimal_text(self.volume_step)}"

    def is_traded(self, time_ns: int) -> bool:
        """Whether the symbol is in one of its sessions at a UTC time; always, where it has none."""
        return not self.sessions or is_in_session(self.sessions, time_ns)

    @property
    def point(self) -> Decimal:
        """The last digit of a price."""
        return Decimal(1).scaleb(-self.digits)
