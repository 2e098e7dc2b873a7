"""A venue that processes only the ticks outside its bounds is at every tick the one that processes each tick."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from marketdata.instruments import RULES
from marketdata.tick_bounds import TickBounds
from marketdata.tick_stream import StreamTick, TickStream, build_stream
from proto.time import DAY_NS, HOUR_NS, MINUTE_NS, MS_NS, SECOND_NS
from proto.trading.enums import AccountMode, GtcMode, OrderType, Side, SwapMode, TimeInForce
from proto.trading.instrument import Instrument, SwapTerms
from services.mt5.core.simulated.fill_model import (
    IDEAL,
    REALISTIC,
    Depth,
    FillProfile,
    LimitFills,
    RolloverSpread,
    Slippage,
    SlippageByType,
)
from services.mt5.core.simulated.latency_model import ConstantLatency
from tests.support.market import utc_ns
from tests.unit.mt5.builders import some_rows
from tests.unit.mt5.simulated.broker_by_hand import Dealing

HARSH = FillProfile(
    name="harsh",
    request_latency=ConstantLatency(ms=50_000.0),
    reply_latency=ConstantLatency(ms=40_000.0),
    quote_age_ms_max=60_000,
    slippage=SlippageByType(
        limit=Slippage(against=0.0, against_mean_spreads=0.0, favourable=0.5, favourable_mean_spreads=1.0)
    ),
    limit_fills=LimitFills.LIMIT,
    depth=Depth(median_lots=0.3, sigma=1.0),
    rollover=RolloverSpread(factor=Decimal(8), minutes_before=60, minutes_after=60),
    charges=True,
    keeps_sessions=True,
    margin_call_level_pct=Decimal(200),
    stop_out_level_pct=Decimal(120),
)
NO_DELAY = structs.replace(HARSH, name="no delay", request_latency=IDEAL.request_latency, depth=None)
STOP_OUT = structs.replace(IDEAL, name="stop-out", stop_out_level_pct=Decimal(100))
PROFILES = {profile.name: profile for profile in (IDEAL, REALISTIC, HARSH, NO_DELAY, STOP_OUT)}

POINTS = {"EURUSD": 110_000, "USDJPY": 150_000, "EURGBP": 86_000, "GBPUSD": 128_000, "XAUUSD": 230_000}
SYMBOLS = (("EURUSD",), ("EURUSD", "USDJPY"), ("XAUUSD", "EURUSD"), ("EURGBP", "GBPUSD", "EURUSD"))
"""The account is in USD. The swap of EURGBP is in EUR, so that it waits for the first tick of EURUSD."""

TICKS = 60
STARTS_NS = tuple(utc_ns(text) for text in ("2026-01-06 10:00", "2026-01-07 21:40", "2026-01-09 20:00"))


class Terms:
    """The catalogue of the simulated broker with orders that end with the day, and with swaps in other currencies."""

    def find(self, symbol: str) -> Instrument | None:
        """The terms of a symbol; None if it is not traded."""
        terms = RULES.find(symbol)
        if terms is None:
            return None
        if symbol == "USDJPY":
            return structs.replace(terms, gtc_mode=GtcMode.DAILY_EXCLUDING_STOPS, clock="Asia/Tokyo")
        if symbol == "EURGBP":
            row = SwapTerms(mode=SwapMode.CURRENCY_SYMBOL, long=Decimal(-7), short=Decimal(5))
            return structs.replace(terms, swaps=(row,))
        return terms


class Command(NamedTuple):
    """A request at a tick; `number` selects the symbol, and the order or position, of the request."""

    ordinal: int
    kind: str
    side: Side
    volume: str
    type: OrderType
    time_in_force: TimeInForce
    price_points: int
    loss_points: int | None
    profit_points: int | None
    number: int


KINDS = ("order", "order", "order", "order", "hold", "release", "cancel", "modify", "close", "withdraw")
VALIDITIES = (TimeInForce.IOC, TimeInForce.GTC, TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD)
POINTS_AWAY = st.integers(5, 60) | st.integers(60, 400)
commands = st.lists(
    st.builds(
        Command,
        st.integers(1, TICKS),
        st.sampled_from(KINDS),
        st.sampled_from(Side),
        st.sampled_from(("0.20", "0.50", "1", "1.50")),
        st.sampled_from((OrderType.MARKET, *OrderType)),
        st.sampled_from(VALIDITIES),
        POINTS_AWAY,
        st.none() | st.none() | POINTS_AWAY,
        st.none() | st.none() | POINTS_AWAY,
        st.integers(1, 6),
    ),
    min_size=2,
    max_size=14,
).map(lambda drawn: sorted(drawn, key=lambda command: command.ordinal))


class Step(NamedTuple):
    """A tick: the pause before it, the symbol's number, and the moves of bid and spread in points."""

    pause_ns: int
    number: int
    points: int
    spread_points: int


PAUSES_NS = (0, 1, 37 * MS_NS, SECOND_NS, 10 * SECOND_NS, 50 * SECOND_NS, MINUTE_NS)
LONG_PAUSES_NS = (10 * MINUTE_NS, HOUR_NS, 7 * HOUR_NS, DAY_NS)
steps = st.lists(
    st.builds(
        Step,
        st.sampled_from((*PAUSES_NS * 3, *LONG_PAUSES_NS)),
        st.integers(0, 5),
        st.integers(-40, 40) | st.integers(-400, 400),
        st.sampled_from((-3, 0, 1, 40)),
    ),
    min_size=TICKS,
    max_size=TICKS,
)


def a_market(symbols: tuple[str, ...], start_ns: int, drawn: list[Step]) -> TickStream:
    """Ticks of the symbols, of which the last one begins after a third of the ticks."""
    rows: dict[str, list[tuple[int, float, float]]] = {symbol: [] for symbol in symbols}
    at_points, time_ns = dict(POINTS), start_ns
    for place, (pause_ns, number, move, spread) in enumerate(drawn):
        begun = symbols if place >= TICKS // 3 or len(symbols) < 3 else symbols[:-1]
        symbol = begun[number % len(begun)]
        time_ns += pause_ns or bool(rows[symbol] and rows[symbol][-1][0] == time_ns)
        at_points[symbol] += move
        terms = RULES.find(symbol)
        assert terms is not None, symbol
        bid, ask = (round(value * 10.0**-terms.digits, terms.digits) for value in
                    (at_points[symbol], at_points[symbol] + spread))  # fmt: skip
        rows[symbol].append((time_ns, bid, ask))
    return build_stream([some_rows(symbol, rows[symbol]) for symbol in symbols], accept_crossed=True)


def do(desk: Dealing, command: Command) -> None:
    """Run one command; the broker refuses an invalid one."""
    venue, symbols = desk.venue, desk.stream.symbols
    symbol = symbols[command.number % len(symbols)]
    quote, terms = venue.quote(symbol), venue.instrument(symbol)
    if quote is None or terms is None:
        return

    def off(distance: int | None) -> Decimal | None:
        return None if distance is None else quote.bid + command.side.sign * distance * terms.point

    loss, is_market = command.loss_points, command.type is OrderType.MARKET
    stops = {"stop_loss": off(None if loss is None else -loss), "take_profit": off(command.profit_points)}
    at = off(-command.price_points if command.type is OrderType.LIMIT else command.price_points)
    match command.kind:
        case "order" | "hold":
            touch = quote.ask if command.side is Side.BUY else quote.bid
            expires_ns = venue.time_ns + command.price_points**2 * SECOND_NS + 1
            desk.order(
                command.side,
                command.volume,
                symbol=symbol,
                type=command.type,
                time_in_force=command.time_in_force,
                price=touch if is_market else at,
                deviation_points=loss if is_market and command.number % 2 else None,
                expires_ns=expires_ns if command.time_in_force is TimeInForce.GTD else 0,
                held=command.kind == "hold",
                **stops,
            )
        case "release":
            for record in venue.held_orders():
                venue.release(record)
        case "cancel":
            for record in venue.resting()[: command.number]:
                venue.cancel(record, "canceled")
        case "modify":
            target: dict[str, object] = {"position": command.number}
            if command.price_points % 2:
                target = {"order_id": f"A-{command.number}", "price": at}
            desk.modify(symbol=symbol, revision=desk.placed + 1, **target, **stops)
        case "close":
            for position in venue.positions()[:1]:
                volume = str(position.volume)
                desk.order(position.side.opposite, volume, symbol=position.symbol, position=position.ticket)
        case "withdraw":
            venue.move_cash(-venue.balance * command.number / 10, "withdrawal")


def is_outside(tick: StreamTick, bounds: TickBounds) -> bool:
    at = bounds.symbols.index(tick.symbol)
    return bool(
        tick.time_ns >= min(bounds.any_ns, int(bounds.tick_ns[at]))
        or not bounds.bid_low[at] < tick.bid < bounds.bid_high[at]
        or not bounds.ask_low[at] < tick.ask < bounds.ask_high[at]
    )


def require_equal(stepped: Dealing, skipping: Dealing, ordinal: int) -> None:
    """Assert that both venues have the same book, and report the same at a tick."""
    assert skipping.venue.state_hash() == stepped.venue.state_hash(), ordinal
    assert skipping.venue.quiet == stepped.venue.quiet
    for one in (ordinal, ordinal + 1):
        assert skipping.venue.deal_cursor_at(one) == stepped.venue.deal_cursor_at(one)
        assert skipping.venue.order_cursor_at(one) == stepped.venue.order_cursor_at(one)


def require_nothing_new(desk: Dealing, visited: int, ordinal: int) -> None:
    """Assert that the tick reports nothing new but deals of commands at the last visited tick."""
    known, cursor = desk.venue.deal_cursor_at(visited), desk.venue.deal_cursor_at(ordinal)
    for deal in desk.venue.deals_after(known, cursor - known):
        assert (deal.ordinal, deal.stepped) == (visited, False)
    assert cursor == desk.venue.deal_cursor_at(visited + 1)
    assert desk.venue.order_cursor_at(ordinal) == desk.venue.order_cursor_at(visited)


@pytest.mark.parametrize("mode", AccountMode)
@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=100)
@given(
    symbols=st.sampled_from(SYMBOLS),
    start_ns=st.sampled_from(STARTS_NS),
    drawn=steps,
    requests=commands,
    deposit=st.sampled_from((300, 700, 1_400, 20_000)),
    leverage=st.sampled_from((0, 100, 500)),
)
def test_a_venue_that_skips_ticks_within_its_bounds_has_the_same_book(
    mode: AccountMode,
    profile: str,
    symbols: tuple[str, ...],
    start_ns: int,
    drawn: list[Step],
    requests: list[Command],
    deposit: int,
    leverage: int,
) -> None:
    market = a_market(symbols, start_ns, drawn)
    stepped, skipping = (
        Dealing(
            stream=market,
            mode=mode,
            profile=PROFILES[profile],
            deposit=deposit,
            leverage=leverage,
            ordinal=0,
            catalogue=Terms(),
        )
        for _ in range(2)
    )
    bounds, visited = TickBounds(market.symbols), 0
    skipping.venue.add_bounds(bounds)
    for ordinal in range(1, TICKS + 1):
        stepped.to(ordinal)
        due = [command for command in requests if command.ordinal == ordinal]
        if due or is_outside(market.tick_at(ordinal), bounds):
            skipping.venue.pass_over(ordinal - 1)
            skipping.to(ordinal)
            for command in due:
                do(stepped, command)
                do(skipping, command)
            bounds.clear()
            skipping.venue.add_bounds(bounds)
            visited = ordinal
        elif visited:
            require_nothing_new(stepped, visited, ordinal)
        require_equal(stepped, skipping, ordinal)
