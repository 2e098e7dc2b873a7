"""What the venue says of a symbol."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from proto.units import Name, require_exact


class Instrument(Struct, frozen=True, kw_only=True):
    """Trading terms of one symbol, as GET_SYMBOL_INFO tells them.

    `contract_size` is in units of the base currency (or ounces, barrels, ...) for 1 lot; `volume_*` in lots;
    `tick_size` in price. Profit arises in `profit_currency`.
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

    def __post_init__(self) -> None:
        """Every number is finite and positive."""
        for field in ("contract_size", "tick_size", "volume_min", "volume_max", "volume_step"):
            value: Decimal = getattr(self, field)
            require_exact(field, value)
            if value <= 0:
                raise ValueError(f"{field} of {self.symbol} is {value}, expected more than 0")
