"""For any commands and any market, the book is consistent and a restart after any commit changes nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.tick_stream import TickStream, build_stream
from proto.trading.enums import AccountMode, OrderType, Side, TimeInForce
from services.mt5.core.simulated.book import BookChange
from services.mt5.core.simulated.book_store import BookStore, MemoryBookStore
from services.mt5.core.simulated.fill_model import IDEAL, REALISTIC, Depth, FillProfile
from services.mt5.core.simulated.latency_model import ConstantLatency
from tests.unit.mt5.builders import SECOND_NS, START_NS, some_rows
from tests.unit.mt5.simulated.broker_by_hand import Dealing

TICKS = 40
HARSH = FillProfile(
    name="harsh",
    request_latency=ConstantLatency(ms=7_000_000.0),
    reply_latency=ConstantLatency(ms=5_000_000.0),
    depth=Depth(median_lots=0.6, sigma=1.0),
    charges=True,
    stop_out_level_pct=Decimal(80),
)
"""A profile whose delays are hours, because the ticks of the market below are hours apart."""

PROFILES = {profile.name: profile for profile in (IDEAL, REALISTIC, HARSH)}


class DeathError(Exception):
    """Stands for the death of the process right after a commit."""


class FragileStore(MemoryBookStore):
    """A store that raises `DeathError` after `left` more commits; never if `left` is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 0

    def commit(self, change: BookChange) -> None:
        super().commit(change)
        if self.left:
            self.left -= 1
            if not self.left:
                raise DeathError


def a_market(steps: list[int]) -> TickStream:
    """Ticks of EURUSD and GBPUSD in turns, two and a half hours apart; each step is a move in pips."""
    rows: dict[str, list[tuple[int, float, float]]] = {"EURUSD": [], "GBPUSD": []}
    bids = {"EURUSD": 11_000, "GBPUSD": 13_000}
    for number, step in enumerate(steps):
        symbol = "EURUSD" if number % 2 == 0 else "GBPUSD"
        bids[symbol] = max(8_000, min(16_000, bids[symbol] + step))
        bid = bids[symbol] / 1e4
        rows[symbol].append((START_NS + number * 9_000 * SECOND_NS, bid, round(bid + 0.0002, 5)))
    return build_stream([some_rows(symbol, rows[symbol]) for symbol in rows], accept_crossed=False)


markets = st.lists(st.integers(-120, 120), min_size=TICKS, max_size=TICKS).map(a_market)
pips = st.integers(-150, 150)


class Command(NamedTuple):
    """A step of `ticks`, then a request; `number` selects the symbol, and the order or position, of the request."""

    ticks: int
    kind: str
    side: Side
    volume: str
    type: OrderType
    time_in_force: TimeInForce | None
    price_pips: int
    loss_pips: int
    profit_pips: int
    number: int


commands = st.lists(
    st.builds(
        Command,
        st.integers(0, 3),
        st.sampled_from(["order", "order", "order", "cancel", "modify", "close"]),
        st.sampled_from(Side),
        st.sampled_from(["0.10", "0.50", "2", "0.015"]),
        st.sampled_from(OrderType),
        st.sampled_from([None, *TimeInForce]),
        pips,
        pips,
        pips,
        st.integers(1, 6),
    ),
    max_size=14,
)


def off(price: Decimal, distance_pips: int) -> Decimal:
    return price + Decimal(distance_pips) / 10_000


def do(desk: Dealing, command: Command) -> None:
    """Run one command; the broker refuses an invalid one."""
    _, kind, side, volume, type_, time_in_force, price_pips, loss_pips, profit_pips, number = command
    symbol = "EURUSD" if number % 2 else "GBPUSD"
    quote = desk.venue.quote(symbol)
    if quote is None:
        return
    stops = {
        "stop_loss": off(quote.bid, loss_pips) if loss_pips % 2 else None,
        "take_profit": off(quote.bid, profit_pips) if profit_pips % 2 else None,
    }
    if kind == "order":
        is_market = type_ is OrderType.MARKET
        is_dated = time_in_force is TimeInForce.GTD
        desk.order(
            side,
            volume,
            symbol=symbol,
            type=type_,
            time_in_force=time_in_force,
            price=None if is_market else off(quote.bid, price_pips),
            expires_ns=desk.venue.time_ns + abs(price_pips) * 900 * SECOND_NS if is_dated else 0,
            **stops,
        )
    elif kind == "cancel":
        for resting in desk.venue.resting()[:number]:
            desk.venue.cancel(resting, "canceled")
    elif kind == "modify":
        target = (
            {"position": number} if price_pips % 2 else {"order_id": f"A-{number}", "price": off(quote.bid, price_pips)}
        )
        desk.modify(symbol=symbol, revision=desk.placed + 1, **target, **stops)
    else:
        for position in desk.venue.positions()[:1]:
            desk.order(position.side.opposite, str(position.volume), symbol=position.symbol, position=position.ticket)


def step(desk: Dealing, ordinal: int) -> None:
    """Step to tick `ordinal`, and restart the venue each time that it dies."""
    while True:
        try:
            desk.venue.step_to(ordinal)
        except DeathError:
            pass
        else:
            return
        while True:
            try:
                desk.venue = desk.opened()
            except DeathError:
                continue
            break


def a_desk(market: TickStream, mode: AccountMode, profile: str, store: BookStore) -> Dealing:
    return Dealing(stream=market, store=store, mode=mode, profile=PROFILES[profile], deposit=20_000, seed=3)


def require_sound(desk: Dealing) -> None:
    """Assert that cash, positions and filled volumes are the sums of the deals."""
    deals = [*desk.venue.deals_after(0, 1), *desk.deals]
    assert desk.venue.balance == sum(deal.cash for deal in deals)
    assert [deal.deal for deal in deals] == list(range(1, len(deals) + 1))
    trades = [deal for deal in deals if deal.kind.is_trade]
    for symbol in desk.venue.broker_symbols:
        signed = sum(deal.volume * Side(deal.kind.value).sign for deal in trades if deal.symbol == symbol)
        assert desk.venue.net_volume(symbol) == signed
    for record in desk.venue.orders_after(0, 1_000):
        filled = sum(deal.volume for deal in trades if deal.ticket == record.order.ticket)
        assert record.order.filled_volume == filled <= record.order.volume
    keys = [2 * deal.ordinal + (not deal.stepped) for deal in deals]
    assert keys == sorted(keys)
    reported_ns = max((record.told_ns for record in desk.venue.orders_after(0, 1_000) if record.fills), default=0)
    if not desk.venue.positions() and not desk.venue.resting() and reported_ns <= desk.venue.time_ns:
        assert desk.venue.quiet


@pytest.mark.parametrize("mode", AccountMode)
@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=60)
@given(market=markets, commands=commands, deaths=st.lists(st.integers(0, 3), max_size=14))
def test_a_broker_that_dies_after_any_commit_ends_with_the_book_of_one_that_never_died(
    mode: AccountMode, profile: str, market: TickStream, commands: list[Command], deaths: list[int]
) -> None:
    kept, store = a_desk(market, mode, profile, MemoryBookStore()), FragileStore()
    dying = a_desk(market, mode, profile, store)
    for number, command in enumerate([*commands, None]):
        ordinal = TICKS if command is None else kept.venue.ordinal + command.ticks
        kept.to(ordinal)
        store.left = deaths[number] if number < len(deaths) else 0
        step(dying, ordinal)
        store.left = 0
        if command is not None:
            do(kept, command)
            dying.venue = dying.opened()
            dying.to(kept.venue.ordinal)
            do(dying, command)
        assert dying.venue.state_hash() == kept.venue.state_hash()
        assert dying.venue.quiet == kept.venue.quiet
        require_sound(kept)
    cursors = [kept.venue.deal_cursor_at(n) for n in range(TICKS + 1)]
    assert cursors == [dying.opened().deal_cursor_at(n) for n in range(TICKS + 1)]
    assert cursors == sorted(cursors)


@settings(max_examples=60)
@given(market=markets, commands=commands)
def test_one_step_over_many_ticks_equals_many_steps(market: TickStream, commands: list[Command]) -> None:
    """Ticks skipped while the book is quiet have no effect."""
    big, small = (a_desk(market, AccountMode.NETTING, "ideal", MemoryBookStore()) for _ in range(2))
    for command in commands:
        target = min(TICKS, big.venue.ordinal + 3 * command.ticks)
        big.to(target)
        while small.venue.ordinal < target:
            small.to(small.venue.ordinal + 1)
        do(big, command)
        do(small, command)
    assert big.venue.state_hash() == small.venue.state_hash()


@pytest.mark.parametrize("death", range(1, 6))
def test_a_tick_with_several_effects_is_completed_after_the_death_of_the_process(death: int) -> None:
    """One tick fills two limits, ends a GTD order and closes two positions; the process dies after one commit."""

    def played(store: FragileStore, *, death: int) -> Dealing:
        desk = Dealing(1.1, 1.09, 1.08, store=store, mode=AccountMode.HEDGING)
        desk.buy(stop_loss="1.0950")
        desk.buy(stop_loss="1.0940")
        desk.buy_limit("1.0960")
        desk.buy_limit("1.0930")
        desk.buy_limit("1.05", time_in_force=TimeInForce.GTD, expires_ns=START_NS + SECOND_NS)
        store.left = death
        step(desk, 2)
        store.left = 0
        return desk

    whole, broken = played(FragileStore(), death=0), played(FragileStore(), death=death)
    assert len(whole.deals) == 6
    assert broken.venue.state_hash() == whole.venue.state_hash()
    assert {deal.ordinal for deal in broken.deals[2:]} == {2}
