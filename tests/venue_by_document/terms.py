"""What a run is about: terms of the symbols, the account, and how the venue fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from proto.trading.enums import SwapMode
from proto.trading.instrument import CommissionTerms, Instrument, SwapTerms

WEEKDAYS: Final = 7
WEDNESDAY: Final = 2
METAL_CODES: Final = ("XAU", "XAG")

Spans = tuple[tuple[int, int], ...]
"""Minutes of the server's week from Monday 00:00, as [begin, end)."""


class MarginMode(StrEnum):
    """By which formula a position's margin is calculated."""

    FOREX = "FOREX"
    CFD_LEVERAGE = "CFD_LEVERAGE"


@dataclass(frozen=True, kw_only=True)
class SymbolTerms:
    """Terms of one symbol. `nights` has, for each day of the server's week, how often the night after it counts."""

    symbol: str
    base_currency: str
    profit_currency: str
    margin_currency: str
    digits: int
    tick_size: Decimal
    contract_size: Decimal
    margin_mode: MarginMode
    swap_long_points: Decimal
    swap_short_points: Decimal
    nights: tuple[int, ...]
    sessions: Spans
    stops_level_points: int
    freeze_level_points: int
    commission_per_lot: Decimal

    @property
    def point(self) -> Decimal:
        """The last digit of a price."""
        return Decimal(1).scaleb(-self.digits)


def told_terms(instrument: Instrument) -> SymbolTerms:
    """The terms that the gateway has told of a symbol of the broker's own: at most one row of swaps, in points, and of commissions."""
    is_metal = instrument.base_currency in METAL_CODES
    swap = instrument.swaps[0] if instrument.swaps else SwapTerms()
    commission = instrument.commissions[0] if instrument.commissions else CommissionTerms()
    assert max(len(instrument.swaps), len(instrument.commissions)) <= 1, instrument
    assert (swap.mode, commission.currency) == (SwapMode.POINTS, ""), instrument
    return SymbolTerms(
        symbol=instrument.symbol,
        base_currency=instrument.base_currency,
        profit_currency=instrument.profit_currency,
        margin_currency=instrument.margin_currency,
        digits=instrument.digits,
        tick_size=instrument.tick_size,
        contract_size=instrument.contract_size,
        margin_mode=MarginMode.CFD_LEVERAGE if is_metal else MarginMode.FOREX,
        swap_long_points=swap.long,
        swap_short_points=swap.short,
        nights=tuple(map(int, instrument.swap_weekdays)),
        sessions=instrument.sessions,
        stops_level_points=instrument.stops_level_points,
        freeze_level_points=instrument.freeze_level_points,
        commission_per_lot=commission.per_lot,
    )


@dataclass(frozen=True, kw_only=True)
class AccountTerms:
    """The account: `leverage` 0 asks for no margin."""

    currency: str
    digits: int
    deposit: Decimal
    is_hedging: bool
    leverage: int


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How the venue fills: what a profile of `--fills FILE` says, without anything that is drawn."""

    request_latency_ms: int = 0
    reply_latency_ms: int = 0
    quote_age_ms_max: int = 60_000
    limit_fills_at_quote: bool = True
    rollover_factor: int = 1
    rollover_minutes_before: int = 5
    rollover_minutes_after: int = 30
    charges: bool = False
    keeps_sessions: bool = False
    stop_out_level_pct: int | None = None

    def toml(self) -> str:
        """The profile as a file, beginning from the ideal one."""
        lines = [
            'like = "ideal"',
            f"charges = {str(self.charges).lower()}",
            f"keeps_sessions = {str(self.keeps_sessions).lower()}",
            f'limit_fills = "{"quote" if self.limit_fills_at_quote else "limit"}"',
            f"quote_age_ms_max = {self.quote_age_ms_max}",
        ]
        if self.stop_out_level_pct is not None:
            lines.append(f"stop_out_level_pct = {self.stop_out_level_pct}")
        for name, ms in (("request_latency", self.request_latency_ms), ("reply_latency", self.reply_latency_ms)):
            if ms:
                lines += [f"[{name}]", 'model = "constant"', f"ms = {ms}"]
        if self.rollover_factor != 1:
            lines += [
                "[rollover]",
                f"factor = {self.rollover_factor}",
                f"minutes_before = {self.rollover_minutes_before}",
                f"minutes_after = {self.rollover_minutes_after}",
            ]
        return "\n".join(lines) + "\n"


TermsOf = Mapping[str, SymbolTerms]
