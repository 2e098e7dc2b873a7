"""Settings of the account and of the venue's fills."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

MINOR_UNITS: Final = {"JPY": 0, "KWD": 3, "BHD": 3}
MINOR_UNITS_ELSE: Final = 2


@dataclass(frozen=True, kw_only=True)
class AccountTerms:
    """Settings of the account; with `leverage` 0, no margin is required."""

    currency: str
    deposit: Decimal
    is_hedging: bool
    leverage: int

    @property
    def digits(self) -> int:
        """Decimals of the account's currency."""
        return MINOR_UNITS.get(self.currency, MINOR_UNITS_ELSE)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Settings of the venue's fills: the fields of a profile for `--fills FILE`, except the random ones."""

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
        """The text of the profile as a TOML file that is based on the ideal profile."""
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
