"""The generated market is reproducible from any state, needs bounded memory, and has the statistics of a market."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from marketdata import price_model_parameters as terms
from marketdata.generated_market import (
    BLOCKS_KEPT,
    ENDLESS,
    HISTORY_BLOCKS,
    PAGE_BLOCKS_MAX,
    WARM_UP_NS,
    GeneratedMarket,
    GeneratedTicks,
    MarketHistory,
    UnknownSymbolError,
    generate,
    open_market,
    pairs_of,
)
from marketdata.tick_stream import StreamTick

FOUR = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")
HOUR_NS = 3_600_000_000_000
MINUTE_NS = 60_000_000_000


def a_market(*symbols: str, seed: int = 7, before: MarketHistory | None = None) -> GeneratedMarket:
    return open_market(symbols=symbols or FOUR, seed=seed, before=before)


def ticks_of(market: GeneratedMarket, first: int, last: int) -> list[StreamTick]:
    return [market.tick_at(ordinal) for ordinal in range(first, last + 1)]


def log_of(market: GeneratedMarket) -> MarketHistory:
    log = market.unsaved()
    assert log is not None
    return log


@pytest.fixture(scope="module")
def two_days() -> GeneratedTicks:
    return generate(FOUR, seed=1, hours=48, start_ns=terms.FIRST_DAY_NS)


def minute_returns(ticks: GeneratedTicks, symbol: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Log returns of the mid price over each minute, and the hour of the day of each minute."""
    chosen = ticks.symbol_index == ticks.symbols.index(symbol)
    time_ns = ticks.time_ns[chosen]
    middle = np.log((ticks.bid[chosen] + ticks.ask[chosen]) / 2)
    at = np.arange(terms.FIRST_DAY_NS + 30 * MINUTE_NS, terms.FIRST_DAY_NS + 48 * HOUR_NS, MINUTE_NS)
    values = middle[np.searchsorted(time_ns, at, side="right") - 1]
    return np.diff(values), (at[1:] // HOUR_NS) % 24


# ------------------------------------------------------------------------------------------------------ reproducibility


def test_one_seed_makes_one_market_and_another_seed_another() -> None:
    one, same, other = (generate(FOUR, seed=seed, hours=0.1) for seed in (3, 3, 4))
    for column in ("time_ns", "bid", "ask", "volume", "symbol_index"):
        assert getattr(one, column).tobytes() == getattr(same, column).tobytes()
    assert one.bid.tobytes() != other.bid.tobytes()


def test_the_thousandth_tick_of_a_seed_never_changes() -> None:
    """A change of draws, rounding or order would change the market without changing its stream id."""
    market = a_market("EURUSD", seed=0)
    tick = market.tick_at(1_000)
    assert tick.symbol == "EURUSD"
    assert (tick.sequence, tick.time_ns, tick.bid, tick.ask) == (1_000, *PINNED)


PINNED = (1_736_150_356_440_231_535, 1.08467, 1.08471)


@pytest.mark.parametrize("cut", [0, 1, 37, 119])
def test_a_market_continues_from_any_stored_state_with_the_same_ticks(cut: int) -> None:
    """From any state within two generated hours, the following ticks are the same to the last bit."""
    whole = a_market()
    for minutes in range(121):
        whole.tick_at(whole._state(minutes).ordinal + 1)
    log = log_of(whole)
    last = log.states[120].ordinal
    kept = MarketHistory(
        stream_id=log.stream_id,
        symbols=log.symbols,
        seed=log.seed,
        start_ns=log.start_ns,
        opening_ordinal=log.opening_ordinal,
        states=log.states[cut : cut + 1],
    )
    again = a_market(before=kept)
    assert again.stream_id == whole.stream_id
    first = kept.states[0].ordinal + 1
    assert ticks_of(again, first, last) == ticks_of(whole, first, last)


def test_a_symbol_moves_the_same_way_with_any_other_symbols() -> None:
    alone = generate(("EURUSD",), seed=5, hours=0.2)
    among = generate(FOUR, seed=5, hours=0.2)
    chosen = among.symbol_index == 0
    assert alone.time_ns.tolist() == among.time_ns[chosen].tolist()
    assert alone.bid.tolist() == among.bid[chosen].tolist()


def test_the_price_of_a_cross_agrees_with_its_two_pairs() -> None:
    ticks = generate(("EURUSD", "GBPUSD", "EURGBP"), seed=5, hours=1)
    last = {
        symbol: (ticks.bid[rows[-1]] + ticks.ask[rows[-1]]) / 2
        for index, symbol in enumerate(ticks.symbols)
        for rows in [np.flatnonzero(ticks.symbol_index == index)]
    }
    assert last["EURGBP"] == pytest.approx(last["EURUSD"] / last["GBPUSD"], rel=2e-4)


def test_other_symbols_or_another_seed_give_a_later_market_at_the_same_prices() -> None:
    first = a_market("EURUSD")
    before = ticks_of(first, 1, 3_000)[-1]
    for symbols, seed in ((("EURUSD", "USDJPY"), 7), (("EURUSD",), 8)):
        market = a_market(*symbols, seed=seed, before=log_of(first))
        tick = market.tick_at(1)
        assert market.stream_id != first.stream_id
        assert market.first_time_ns > before.time_ns
        if tick.symbol == "EURUSD":
            assert tick.bid == pytest.approx(before.bid, rel=2e-3)


# ---------------------------------------------------------------------------------------------------- as a MarketSource


def test_a_market_opens_with_history_that_strategies_can_warm_up_on() -> None:
    market = a_market()
    opening = market.opening_ordinal
    assert market.tick_at(opening).time_ns < terms.OPENING_NS <= market.tick_at(opening + 1).time_ns
    assert market.first_time_ns == terms.OPENING_NS - WARM_UP_NS
    assert min(market.sequences_at(opening).values()) > 500
    assert market.last_ordinal == ENDLESS


def test_sequences_last_ticks_and_pages_agree_with_the_ticks_themselves() -> None:
    market = a_market()
    ticks = ticks_of(market, 1, 4_000)
    for published in (0, 1, 750, 3_999):
        seen = [tick for tick in ticks if tick.ordinal <= published]
        for symbol in FOUR:
            own = [tick for tick in seen if tick.symbol == symbol]
            assert market.sequences_at(published)[symbol] == len(own)
            assert market.last_tick(symbol, published) == (own[-1] if own else None)
            page = market.ticks(symbol, from_sequence=5, limit=600, published=published)
            assert page.ordinal == [tick.ordinal for tick in own[4:604]]
            assert page.bid == [tick.bid for tick in own[4:604]]
            assert page.time_ns == [tick.time_ns for tick in own[4:604]]


def test_a_page_needs_a_bounded_number_of_minutes_and_the_next_continues_it() -> None:
    market = a_market()
    published = market._state(3 * PAGE_BLOCKS_MAX).ordinal
    own = [tick.ordinal for tick in ticks_of(market, 1, published) if tick.symbol == "EURUSD"]
    first_minutes = market._state(PAGE_BLOCKS_MAX).quotes["EURUSD"].sequence
    fetched = list[int]()
    while len(fetched) < len(own):
        page = market.ticks("EURUSD", from_sequence=len(fetched) + 1, limit=100_000, published=published)
        assert page.ordinal
        fetched += page.ordinal
        if len(fetched) == len(page.ordinal):
            assert len(page.ordinal) == first_minutes < len(own)
    assert fetched == own


def test_old_states_are_discarded_and_a_page_begins_with_the_oldest_kept() -> None:
    market = a_market("EURUSD")
    for minutes in range(HISTORY_BLOCKS + 40):
        market.tick_at(market._state(minutes).ordinal + 1)
    market.discard_before(market._states[-1].ordinal)
    log = log_of(market)
    assert HISTORY_BLOCKS <= len(market._states) <= HISTORY_BLOCKS + 2
    oldest = log.states[-len(market._states)].quotes["EURUSD"].sequence + 1
    page = market.ticks("EURUSD", from_sequence=1, limit=10, published=ENDLESS)
    assert page.from_sequence == oldest > 1
    assert market.tick_at(page.ordinal[0]).sequence == oldest


def test_a_symbol_that_the_broker_does_not_trade_is_named() -> None:
    with pytest.raises(UnknownSymbolError, match="no AAPL"):
        a_market("EURUSD", "AAPL")


@pytest.mark.parametrize("symbol", ["NZDCAD", "USDTRY", "XAGUSD", "VNDUSD", "GBPJPY", "EURUSD.m"])
def test_any_symbol_of_the_catalogue_can_be_generated(symbol: str) -> None:
    ticks = generate((symbol,), seed=2, hours=0.3)
    [pair] = pairs_of((symbol,))
    assert len(ticks) > 0
    assert ticks.bid.min() >= 10**-pair.digits
    assert (ticks.ask > ticks.bid).all()


# ---------------------------------------------------------------------------------------------------- market statistics


def test_no_quote_is_crossed_and_every_bid_has_the_symbols_digits(two_days: GeneratedTicks) -> None:
    assert (two_days.ask > two_days.bid).all()
    assert (np.diff(two_days.time_ns) >= 0).all()
    for index, pair in enumerate(pairs_of(FOUR)):
        bid = two_days.bid[two_days.symbol_index == index]
        assert np.array_equal(bid, np.round(bid, pair.digits))


def test_daily_volatility_is_that_of_the_parameters(two_days: GeneratedTicks) -> None:
    """EURUSD moves about 0.43 % a day and gold about 0.9 %, with fat tails."""
    for symbol, day in (("EURUSD", 0.0043), ("XAUUSD", 0.0090)):
        returns, _ = minute_returns(two_days, symbol)
        assert 0.5 * day < returns.std() * np.sqrt(1_440) < 1.8 * day
        assert ((returns - returns.mean()) ** 4).mean() / returns.var() ** 2 > 3.5


def test_volatility_is_higher_in_london_and_new_york_hours_and_that_of_the_yen_in_tokyo_hours(
    two_days: GeneratedTicks,
) -> None:
    def movement(symbol: str, hours: range) -> float:
        returns, hour = minute_returns(two_days, symbol)
        return float(returns[np.isin(hour, list(hours))].std())

    def rate(symbol: str, hours: range) -> float:
        chosen = two_days.symbol_index == FOUR.index(symbol)
        return float(np.isin((two_days.time_ns[chosen] // HOUR_NS) % 24, list(hours)).sum()) / len(hours)

    for symbol in FOUR:
        assert movement(symbol, range(13, 17)) > 1.5 * movement(symbol, range(21, 23))
        assert rate(symbol, range(13, 17)) > 2 * rate(symbol, range(21, 23))
        assert rate(symbol, range(13, 17)) / 7_200 > 1
    asia, london = range(3), range(8, 12)
    assert movement("USDJPY", asia) / movement("USDJPY", london) > movement("EURUSD", asia) / movement("EURUSD", london)


def test_spreads_are_tight_in_busy_hours_and_wide_at_the_rollover(two_days: GeneratedTicks) -> None:
    for index, (pair, tight) in enumerate(zip(pairs_of(FOUR), (8, 14, 14, 40), strict=True)):
        chosen = two_days.symbol_index == index
        points = np.rint((two_days.ask[chosen] - two_days.bid[chosen]) * 10**pair.digits)
        hour = (two_days.time_ns[chosen] // HOUR_NS) % 24
        assert 1 <= np.median(points[(hour >= 13) & (hour < 16)]) <= tight
        assert np.median(points[hour == 21]) > 2 * np.median(points[(hour >= 13) & (hour < 16)])


def test_symbols_with_a_currency_in_common_are_correlated(two_days: GeneratedTicks) -> None:
    returns = {symbol: minute_returns(two_days, symbol)[0] for symbol in FOUR}
    found = np.corrcoef([returns[symbol] for symbol in FOUR])
    assert found[0, 1] > 0.4
    assert found[0, 2] < -0.2
    assert found[1, 2] < -0.2
    assert found[0, 3] > 0.05


def test_volatility_is_autocorrelated_and_returns_hardly_are(two_days: GeneratedTicks) -> None:
    returns, hour = minute_returns(two_days, "EURUSD")
    busy = returns[(hour >= 8) & (hour < 16)]
    size = np.log(np.abs(busy) + 1e-6)
    assert np.corrcoef(size[:-1], size[1:])[0, 1] > 0.02
    assert abs(np.corrcoef(busy[:-1], busy[1:])[0, 1]) < 0.3


def test_arrivals_are_irregular(two_days: GeneratedTicks) -> None:
    time_ns = two_days.time_ns[two_days.symbol_index == 0]
    hour = (time_ns // HOUR_NS) % 24
    gaps = np.diff(time_ns[hour == 14]) / 1e9
    gaps = gaps[gaps < 60]
    assert 0.5 < gaps.std() / gaps.mean() < 2


def test_order_flow_predicts_a_little_of_the_next_minute(two_days: GeneratedTicks) -> None:
    """In the busy hours of three days, the return of a minute correlates with that of the next minute."""
    ticks = generate(("XAUUSD",), seed=11, hours=72, start_ns=terms.FIRST_DAY_NS)
    returns, hour = minute_returns(ticks, "XAUUSD")
    busy = (hour[1:] >= 8) & (hour[1:] < 17)
    found = np.corrcoef(returns[:-1][busy], returns[1:][busy])[0, 1]
    assert 0.02 < found < 0.35


def test_states_minutes_and_rows_in_memory_are_bounded_over_a_long_run() -> None:
    """The market is read as a gateway reads it, for more than four hours of market time."""
    market = a_market("EURUSD", "GBPUSD")
    ordinal, sizes = 1, []
    for _ in range(400):
        market.tick_at(ordinal)
        ordinal += 200
        market.discard_before(ordinal)
        market.mark_saved()
        sizes.append((len(market._states), len(market._blocks), len(market._rows)))
    assert market.tick_at(ordinal).time_ns - market.first_time_ns > 4 * HOUR_NS
    assert max(states for states, _, _ in sizes) <= HISTORY_BLOCKS + 3
    assert max(max(blocks, rows) for _, blocks, rows in sizes) <= BLOCKS_KEPT
    walked = ticks_of(market, ordinal - 3_000, ordinal)
    assert all(one.time_ns <= two.time_ns for one, two in pairwise(walked))
