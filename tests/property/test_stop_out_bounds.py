"""No quotes within the bounds of an account's stop-out bring its margin level below the stop-out level."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec import structs

from marketdata.tick_bounds import TickBounds
from marketdata.tick_stream import build_stream
from proto.trading.enums import AccountMode, Side
from services.mt5.core.simulated.fill_model import IDEAL
from services.mt5.core.simulated.margin import is_under_level
from tests.support.market import FixedQuotes
from tests.unit.mt5.builders import SECOND_NS, START_NS, some_rows
from tests.unit.mt5.simulated.broker_by_hand import Dealing

LEVEL_PCT: Final = Decimal(60)
STOP_OUT: Final = structs.replace(IDEAL, name="stop-out", stop_out_level_pct=LEVEL_PCT)
BIDS: Final = {"EURUSD": 1.1, "USDJPY": 150.0, "EURGBP": 0.86, "GBPUSD": 1.28, "XAUUSD": 2300.0}
MARKETS: Final = (
    ("USD", ("EURUSD",)),
    ("USD", ("EURUSD", "USDJPY")),
    ("USD", ("XAUUSD", "EURUSD")),
    ("USD", ("EURGBP", "GBPUSD", "EURUSD")),
    ("EUR", ("EURUSD", "EURGBP")),
    ("JPY", ("USDJPY",)),
)
SPREAD: Final = 1.0002


class Holding(NamedTuple):
    """A position in the symbol with this number, opened at a multiple of its price."""

    number: int
    side: Side
    volume: str
    opened_at: float


holdings = st.lists(
    st.builds(
        Holding,
        st.integers(0, 2),
        st.sampled_from(Side),
        st.sampled_from(("0.10", "1", "3")),
        st.sampled_from((0.6, 1.0, 1.5)),
    ),
    min_size=1,
    max_size=3,
)
shares = st.sampled_from((-0.999, 0.999, -0.999, 0.999, -3.0, 3.0, 0.0))
"""Move of a bid or ask, as a share of the largest move within the bounds."""


def a_desk(
    currency: str, symbols: tuple[str, ...], held: list[Holding], mode: AccountMode, leverage: int, spare: Decimal
) -> Dealing:
    """An account with these positions whose equity is above that of the stop-out by `spare`."""
    factors = [holding.opened_at for holding in held] + [1.0]
    rows = [
        some_rows(
            symbol,
            [
                (
                    START_NS + n * SECOND_NS + at,
                    round(BIDS[symbol] * factor, 3),
                    round(round(BIDS[symbol] * factor, 3) * SPREAD, 5),
                )
                for n, factor in enumerate(factors)
            ],
        )
        for at, symbol in enumerate(symbols)
    ]
    desk = Dealing(
        stream=build_stream(rows, accept_crossed=False),
        mode=mode,
        leverage=leverage,
        profile=STOP_OUT,
        deposit=1_000_000_000,
        currency=currency,
        ordinal=0,
    )
    for place, holding in enumerate(held, start=1):
        desk.to(place * len(symbols))
        desk.order(holding.side, holding.volume, symbol=symbols[holding.number % len(symbols)])
    desk.to((len(held) + 1) * len(symbols))
    equity, margin = desk.venue.equity, desk.venue.margin
    assert equity is not None
    assert margin is not None
    desk.venue.move_cash(margin * LEVEL_PCT / 100 + spare - equity, "withdrawal")
    return desk


def moved(bounds: TickBounds, at: int, bid: float, share_of_bid: float, share_of_ask: float) -> tuple[float, float]:
    """Quote of a symbol, which moves by a share of the way to the bounds; by a thousandth where there are none."""

    def away(price: float, low: float, high: float, share: float) -> float:
        way = (high if share > 0 else low) - price
        return price + abs(share) * (way if abs(way) < price else price * (1e-3 if share > 0 else -1e-3))

    low, high = float(bounds.bid_low[at]), float(bounds.bid_high[at])
    return (
        away(bid, low, high, share_of_bid),
        away(bid * SPREAD, float(bounds.ask_low[at]), float(bounds.ask_high[at]), share_of_ask),
    )


def is_within(bounds: TickBounds, at: int, bid: float, ask: float) -> bool:
    return bool(
        bounds.tick_ns[at]
        and bounds.bid_low[at] < bid < bounds.bid_high[at]
        and bounds.ask_low[at] < ask < bounds.ask_high[at]
    )


@settings(max_examples=1_000)
@given(
    market=st.sampled_from(MARKETS),
    held=holdings,
    mode=st.sampled_from(AccountMode),
    leverage=st.sampled_from((1, 100)),
    spare=st.sampled_from(("0", "0.01", "1", "40", "300", "5000", "90000")),
    drawn=st.lists(st.tuples(shares, shares), min_size=3, max_size=3),
)
def test_no_quotes_within_the_bounds_reach_the_level(
    market: tuple[str, tuple[str, ...]],
    held: list[Holding],
    mode: AccountMode,
    leverage: int,
    spare: str,
    drawn: list[tuple[float, float]],
) -> None:
    currency, symbols = market
    desk = a_desk(currency, symbols, held, mode, leverage, Decimal(spare))
    account, bounds = desk.venue._account, TickBounds(symbols)
    assume(account.book.positions)
    desk.venue.add_bounds(bounds)
    if not bounds.any_ns:
        return
    quotes: dict[str, tuple[str, str]] = {}
    for at, symbol in enumerate(symbols):
        bid, ask = moved(bounds, at, BIDS[symbol], *drawn[at])
        if not is_within(bounds, at, bid, ask):
            bid, ask = BIDS[symbol], round(BIDS[symbol] * SPREAD, 5)
        quotes[symbol] = (repr(bid), repr(ask))
    later = FixedQuotes(**quotes)
    profits = [account.values.unrealized(one, quotes=later, rates=later) for one in account.book.positions.values()]
    equity = account.book.balance + sum((profit for profit in profits if profit is not None), Decimal(0))
    margin = account.margin_at(later)
    assert None not in profits
    assert margin is not None
    assert not is_under_level(equity=equity, margin=margin, level_pct=LEVEL_PCT)
