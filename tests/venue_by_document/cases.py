"""The runs to compare: symbols, accounts, fill profiles and weeks of the year."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

from proto.trading.enums import AccountMode
from tests.venue_by_document.profile import Profile
from tests.venue_by_document.runs import Case

SPRING: Final = "2024-03-05 10:00"
"""Start of a run before summer time begins in New York on Sunday, 10 March."""
EUROPES_SPRING: Final = "2024-03-26 10:00"
"""Start of a run before summer time begins in Europe on Sunday, 31 March."""
AUTUMN: Final = "2024-10-23 10:00"
"""Start of a run before winter time begins in Europe on 27 October and in New York on 3 November."""

PROFILES: Final = {
    "ideal": Profile(),
    "charged": Profile(charges=True, keeps_sessions=True),
    "delayed": Profile(
        request_latency_ms=5, charges=True, keeps_sessions=True, limit_fills_at_quote=False, rollover_factor=2
    ),
    "strict": Profile(
        request_latency_ms=40,
        reply_latency_ms=30,
        quote_age_ms_max=5_000,
        charges=True,
        keeps_sessions=True,
        limit_fills_at_quote=False,
        rollover_factor=3,
        rollover_minutes_before=3,
        rollover_minutes_after=45,
        stop_out_level_pct=100,
    ),
}
OWN_SYMBOLS: Final = ("XAUUSD", "EURUSD", "USDJPY", "EURJPY")
FILE_SYMBOLS: Final = ("XAUUSD", "US30", "BTCUSD", "USDJPY")
INSTRUMENTS: Final = Path(__file__).with_name("instruments.toml")
"""Terms of gold with three digits, an index and a crypto currency; the broker's terms apply to other symbols."""

RATES: Final = {"USD": (), "EUR": ("EURUSD", "EURJPY"), "JPY": (), "KWD": ("USDKWD", "KWDJPY")}
"""Watched symbols by account currency; their quotes convert profits to that currency."""

DEPOSITS: Final = {"USD": 100_000, "EUR": 100_000, "JPY": 15_000_000, "KWD": 30_000}

NETTING, HEDGING = AccountMode.NETTING, AccountMode.HEDGING


def a_case(
    currency: str,
    mode: AccountMode,
    profile: str,
    start: str,
    seed: int,
    *,
    has_file: bool = False,
    is_poor: bool = False,
) -> Case:
    """A run of OWN_SYMBOLS, or of FILE_SYMBOLS with `has_file`.

    With `is_poor` the balance is so small that orders are refused and positions are stopped out.
    """
    deposit = Decimal(DEPOSITS[currency])
    return Case(
        name=f"{currency}-{mode.lower()}-{profile}-{seed}",
        symbols=FILE_SYMBOLS if has_file else OWN_SYMBOLS,
        watched=RATES[currency] if has_file else (),
        currency=currency,
        account_mode=mode,
        profile=PROFILES[profile],
        start=start,
        seed=seed,
        balance=deposit / 20 if is_poor else deposit,
        lots="0.90" if is_poor else "0.13",
        instruments=INSTRUMENTS if has_file else None,
    )


CASES: Final = [
    a_case("USD", NETTING, "ideal", SPRING, 1),
    a_case("EUR", HEDGING, "ideal", AUTUMN, 2),
    a_case("USD", NETTING, "charged", AUTUMN, 3),
    a_case("JPY", HEDGING, "charged", EUROPES_SPRING, 5),
    a_case("EUR", NETTING, "delayed", AUTUMN, 7),
    a_case("USD", HEDGING, "strict", AUTUMN, 9),
    a_case("EUR", HEDGING, "strict", SPRING, 10, is_poor=True),
    a_case("USD", NETTING, "strict", SPRING, 12, is_poor=True),
    a_case("USD", NETTING, "ideal", EUROPES_SPRING, 21, has_file=True),
    a_case("USD", HEDGING, "strict", AUTUMN, 22, has_file=True),
    a_case("EUR", NETTING, "charged", SPRING, 23, has_file=True),
    a_case("EUR", HEDGING, "delayed", EUROPES_SPRING, 24, has_file=True),
    a_case("JPY", NETTING, "delayed", AUTUMN, 25, has_file=True),
    a_case("JPY", HEDGING, "charged", SPRING, 26, has_file=True),
    a_case("KWD", NETTING, "strict", EUROPES_SPRING, 27, has_file=True),
    a_case("KWD", HEDGING, "charged", AUTUMN, 28, has_file=True),
    a_case("EUR", NETTING, "strict", SPRING, 29, has_file=True, is_poor=True),
    a_case("JPY", HEDGING, "strict", AUTUMN, 30, has_file=True, is_poor=True),
]
