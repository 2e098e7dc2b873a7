"""Executions follow the fill profile and are reproducible; with the ideal profile they are at the touch."""

from __future__ import annotations

from decimal import Decimal
from statistics import mean
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proto.time import DAY_NS, MINUTE_NS
from proto.trading.enums import OrderType, Side
from proto.trading.money import Quote
from proto.trading.server_time import server_ns
from proto.trading.units import is_on_step
from services.mt5.core.simulated.fill_model import (
    IDEAL,
    PROFILES,
    REALISTIC,
    Depth,
    Execution,
    FillModel,
    FillProfile,
    LimitFills,
    RolloverSpread,
    Slippage,
    SlippageByType,
    worst_price,
)
from services.mt5.core.simulated.random_draws import uniform
from tests.support.builders import START_NS, an_instrument

D = Decimal
EURUSD = an_instrument()
QUOTE = Quote(D("1.10000"), D("1.10010"))
MIDNIGHT_NS = START_NS - server_ns(START_NS) % DAY_NS + DAY_NS
TICK = D("0.00001")


def no_draw(seed: int, *purpose: int | str) -> float:
    raise AssertionError(f"{purpose} was drawn of seed {seed}")


def executed(model: FillModel, ticket: int = 1, number: int = 1, **changed: Any) -> Execution:
    """An execution; by default of a buy of 0.01 lots of EURUSD, far from the server's midnight."""
    fields: dict[str, Any] = {
        "side": Side.BUY, "quote": QUOTE, "volume": D("0.01"), "instrument": EURUSD, "time_ns": START_NS,
        "order_type": OrderType.LIMIT if "limit" in changed else OrderType.MARKET,
    }  # fmt: skip
    return model.execution(ticket, number, **{**fields, **changed})


def only(**parts: Any) -> FillModel:
    """A model with the ideal profile except for `parts`."""
    return FillModel(FillProfile(name="test", **parts), 1)


SLIPPERY = only(slippage=REALISTIC.slippage)
SHALLOW = only(depth=REALISTIC.depth)
AT_ROLLOVER = only(rollover=REALISTIC.rollover)


# -------------------------------------------------------------------------------------------------------------- ideal


def test_the_ideal_profile_fills_completely_at_the_touch_without_delay_or_draw() -> None:
    model = FillModel(IDEAL, 1, no_draw)
    assert executed(model, side=Side.BUY, volume=D(100)) == Execution(D("1.10010"), D(100))
    assert executed(model, side=Side.SELL, time_ns=MIDNIGHT_NS) == Execution(D("1.10000"), D("0.01"))
    assert (model.request_latency_ns(1), model.reply_latency_ns(1)) == (0, 0)


def test_the_ideal_profile_uses_crossed_quotes_and_prices_off_the_tick_unchanged() -> None:
    crossed = Quote(D("1.1000123456"), D("1.0999"))
    assert executed(FillModel(IDEAL, 1), quote=crossed, side=Side.SELL).price == D("1.1000123456")


def test_the_ideal_profile_has_no_charges_no_sessions_and_no_stop_out() -> None:
    terms = IDEAL.terms_of(EURUSD)
    assert (terms.commissions, terms.swaps) == ((), ())
    assert not terms.sessions
    assert (IDEAL.charges, IDEAL.stop_out_level_pct, IDEAL.margin_call_level_pct) == (False, None, None)
    assert REALISTIC.terms_of(EURUSD) == EURUSD
    assert EURUSD.sessions
    assert EURUSD.commissions


def test_an_always_quoted_market_has_no_sessions_under_any_profile() -> None:
    terms = REALISTIC.terms_of(EURUSD, always_quoted=True)
    assert terms == structs.replace(EURUSD, sessions=())


def test_profiles_are_found_by_their_names() -> None:
    assert PROFILES == {"ideal": IDEAL, "realistic": REALISTIC}


# ---------------------------------------------------------------------------------------------------------- in general


@given(
    seed=st.integers(0, 2**32),
    ticket=st.integers(1, 10**6),
    number=st.integers(1, 50),
    side=st.sampled_from(Side),
    steps=st.integers(1, 10_000),
    bid_ticks=st.integers(1, 300_000),
    spread_ticks=st.integers(-20, 200),
    hour=st.integers(0, 23),
)
def test_executed_prices_are_on_ticks_and_volumes_on_steps_for_any_draw(
    seed: int, ticket: int, number: int, side: Side, steps: int, bid_ticks: int, spread_ticks: int, hour: int
) -> None:
    quote = Quote(bid_ticks * TICK, max(1, bid_ticks + spread_ticks) * TICK)
    volume, time_ns = steps * EURUSD.volume_step, MIDNIGHT_NS + hour * 60 * MINUTE_NS
    made = executed(FillModel(REALISTIC, seed), ticket, number, side=side, quote=quote, volume=volume, time_ns=time_ns)
    assert made.price > 0
    assert is_on_step(made.price, TICK)
    assert 0 <= made.volume <= volume
    assert is_on_step(made.volume, EURUSD.volume_step)
    again = executed(FillModel(REALISTIC, seed), ticket, number, side=side, quote=quote, volume=volume, time_ns=time_ns)
    assert again == made


@given(
    seed=st.integers(0, 2**32),
    ticket=st.integers(1, 10**6),
    side=st.sampled_from(Side),
    room=st.integers(-30, 30),
    at_rollover=st.booleans(),
)
def test_an_execution_is_never_worse_than_its_limit(
    seed: int, ticket: int, side: Side, room: int, at_rollover: bool
) -> None:
    touch = QUOTE.ask if side is Side.BUY else QUOTE.bid
    limit = touch + side.sign * room * TICK
    time_ns = MIDNIGHT_NS if at_rollover else START_NS
    made = executed(FillModel(REALISTIC, seed), ticket, side=side, limit=limit, time_ns=time_ns)
    if made.volume:
        assert (made.price - limit) * side.sign <= 0
    if room < 0:
        assert not made.volume


@pytest.mark.parametrize("rests", [False, True])
def test_the_ideal_profile_fills_a_limit_at_a_better_touch(rests: bool) -> None:
    assert executed(FillModel(IDEAL, 1), limit=D("1.2"), rests=rests).price == D("1.10010")
    assert executed(FillModel(IDEAL, 1), side=Side.SELL, limit=D("1.0"), rests=rests).price == D("1.10000")


@pytest.mark.parametrize(("side", "limit"), [(Side.BUY, "1.10030"), (Side.SELL, "1.09980")])
def test_a_resting_limit_is_filled_at_its_price_or_the_quote_as_the_profile_sets(side: Side, limit: str) -> None:
    """The touch is 20 points better than the limit; this is the `limit_gap` of the resting orders."""
    at_limit = only(limit_fills=LimitFills.LIMIT)
    assert executed(at_limit, side=side, limit=D(limit), rests=True) == Execution(D(limit), D("0.01"), D("0.00020"))
    touch = QUOTE.ask if side is Side.BUY else QUOTE.bid
    at_quote = only(limit_fills=LimitFills.QUOTE)
    assert executed(at_quote, side=side, limit=D(limit), rests=True) == Execution(touch, D("0.01"), D("0.00020"))
    assert executed(at_limit, side=side, limit=D(limit)) == Execution(touch, D("0.01"), D(0))


def test_limits_that_are_filled_at_their_price_are_improved_only_by_slippage() -> None:
    """With a spread of 100 ticks, half of the limits get a price 25 ticks better on average."""
    quote = Quote(D("1.10000"), D("1.10100"))
    slippage = SlippageByType(
        limit=Slippage(against=0.3, against_mean_spreads=1, favourable=0.5, favourable_mean_spreads=0.25)
    )
    model = only(slippage=slippage, limit_fills=LimitFills.LIMIT)
    limit = D("1.10500")
    made = [executed(model, ticket, quote=quote, limit=limit, rests=True) for ticket in range(1, 4_001)]
    better = [int((limit - one.price) / TICK) for one in made if one.price != limit]
    assert all(one.price <= limit for one in made)
    assert abs(len(better) / len(made) - 0.5) < 0.03
    assert abs(mean(better) - 25) < 2


def test_each_order_type_has_its_own_slippage_which_may_be_mostly_favourable() -> None:
    """A broker's figures: 25.6 % of market orders better, 12.6 % worse; 69 % of limits better; 51 % of stops worse."""
    by_type = SlippageByType(
        market=Slippage(against=0.126, against_mean_spreads=1, favourable=0.256, favourable_mean_spreads=1),
        stop=Slippage(against=0.51, against_mean_spreads=1, favourable=0, favourable_mean_spreads=0),
        limit=Slippage(against=0, against_mean_spreads=0, favourable=0.69, favourable_mean_spreads=1),
    )
    quote = Quote(D("1.10000"), D("1.10100"))
    model = only(slippage=by_type)
    for order_type, against, favourable in [
        (OrderType.MARKET, 0.126, 0.256), (OrderType.STOP, 0.51, 0), (OrderType.LIMIT, 0, 0.69),
    ]:  # fmt: skip
        limit: dict[str, Any] = {"limit": quote.ask} if order_type is OrderType.LIMIT else {}
        prices = [
            executed(model, ticket, quote=quote, order_type=order_type, **limit).price for ticket in range(1, 4_001)
        ]
        # About one slippage in two hundred is rounded to 0 ticks.
        assert abs(sum(price > quote.ask for price in prices) / len(prices) - against) < 0.03, order_type
        assert abs(sum(price < quote.ask for price in prices) / len(prices) - favourable) < 0.03, order_type


def test_another_seed_gives_other_executions() -> None:
    def story(seed: int) -> list[Any]:
        model = FillModel(REALISTIC, seed)
        return [(model.request_latency_ns(ticket), executed(model, ticket, volume=D(5))) for ticket in range(1, 20)]

    assert story(1) == story(1)
    assert story(1) != story(2)


def test_request_and_reply_latency_have_separate_draws() -> None:
    same = structs.replace(REALISTIC, reply_latency=REALISTIC.request_latency)
    model = FillModel(same, 1)
    assert model.request_latency_ns(5) != model.reply_latency_ns(5)
    assert model.request_latency_ns(5) != model.request_latency_ns(6)


# ------------------------------------------------------------------------------------------------------------ slippage


@pytest.mark.parametrize("side", list(Side))
def test_slippage_has_the_probabilities_and_means_of_its_settings(side: Side) -> None:
    """With a spread of 100 ticks, 30 % are worse by 40 ticks on average, and 8 % better by 25."""
    quote = Quote(D("1.10000"), D("1.10100"))
    touch = quote.ask if side is Side.BUY else quote.bid
    ticks = [
        int((executed(SLIPPERY, ticket, side=side, quote=quote).price - touch) / TICK) * side.sign
        for ticket in range(1, 8_001)
    ]
    worse, better = [one for one in ticks if one > 0], [-one for one in ticks if one < 0]
    assert abs(len(worse) / len(ticks) - 0.30) < 0.03
    assert abs(len(better) / len(ticks) - 0.08) < 0.02
    assert abs(mean(worse) - 40) < 5
    assert abs(mean(better) - 25) < 5
    assert abs(mean(ticks) - (0.30 * 40 - 0.08 * 25)) < 1.5


def test_each_fill_of_an_order_has_its_own_slippage() -> None:
    assert len({executed(SLIPPERY, 1, number).price for number in range(1, 100)}) > 3


def test_slippage_never_lowers_a_price_below_one_tick() -> None:
    cheap = Quote(TICK, 1_000 * TICK)
    prices = {executed(SLIPPERY, ticket, side=Side.SELL, quote=cheap).price for ticket in range(1, 200)}
    assert min(prices) == TICK


# --------------------------------------------------------------------------------------------------------------- depth


def test_small_orders_are_filled_completely() -> None:
    assert all(executed(SHALLOW, ticket).volume == D("0.01") for ticket in range(1, 5_001))


def test_large_orders_are_filled_in_part_with_the_probability_of_the_depth() -> None:
    """The available volume is below the median of 5 lots in half of the cases, and below 1 lot in 1 of 19."""
    five = [executed(SHALLOW, ticket, volume=D(5)).volume for ticket in range(1, 4_001)]
    assert abs(sum(volume < 5 for volume in five) / len(five) - 0.5) < 0.05
    one = [executed(SHALLOW, ticket, volume=D(1)).volume for ticket in range(1, 4_001)]
    assert abs(sum(volume < 1 for volume in one) / len(one) - 0.054) < 0.02


def test_nothing_is_executed_if_the_depth_is_below_one_volume_step() -> None:
    empty = only(depth=Depth(median_lots=0.0001, sigma=0.1))
    assert executed(empty).volume == 0


# ------------------------------------------------------------------------------------------------------------ rollover


@pytest.mark.parametrize(
    ("minutes", "wide"), [(-6, False), (-5, True), (-1, True), (0, True), (29, True), (30, False), (600, False)]
)
def test_the_spread_is_twice_as_wide_around_the_servers_midnight(minutes: int, wide: bool) -> None:
    time_ns = MIDNIGHT_NS + minutes * MINUTE_NS
    assert executed(AT_ROLLOVER, time_ns=time_ns).price == (D("1.10015") if wide else D("1.10010"))
    assert executed(AT_ROLLOVER, time_ns=time_ns, side=Side.SELL).price == (D("1.09995") if wide else D("1.10000"))


def test_the_wider_spread_is_rounded_up_to_whole_ticks() -> None:
    odd = Quote(D("1.10000"), D("1.10003"))
    assert executed(AT_ROLLOVER, time_ns=MIDNIGHT_NS, quote=odd).price == D("1.10005")


def test_a_limit_is_not_filled_if_the_widened_touch_is_beyond_it() -> None:
    assert executed(AT_ROLLOVER, time_ns=MIDNIGHT_NS, limit=D("1.10014")).volume == 0
    assert executed(AT_ROLLOVER, time_ns=MIDNIGHT_NS, limit=D("1.10015")).volume == D("0.01")


def test_the_rollover_spread_follows_new_yorks_summer_time() -> None:
    """On 2014-05-05, in summer time, 21:00 UTC is 17:00 in New York; an hour later the spread is normal again."""
    nine_pm_ns = 1_399_323_600 * 1_000_000_000
    assert executed(AT_ROLLOVER, time_ns=nine_pm_ns).price == D("1.10015")
    assert executed(AT_ROLLOVER, time_ns=nine_pm_ns + 60 * MINUTE_NS).price == D("1.10010")


# ------------------------------------------------------------------------------------------------------------ requotes


@pytest.mark.parametrize(
    ("side", "touch", "requoted"),
    [
        (Side.BUY, "1.10013", False),
        (Side.BUY, "1.10014", True),
        (Side.BUY, "1.09000", False),
        (Side.SELL, "1.10007", False),
        (Side.SELL, "1.10006", True),
        (Side.SELL, "1.20000", False),
    ],
)
def test_a_touch_worse_than_the_deviation_allows_is_requoted(side: Side, touch: str, requoted: bool) -> None:
    model = FillModel(IDEAL, 1, no_draw)
    found = model.is_requoted(
        asked_price=D("1.10010"), touch=D(touch), side=side, deviation_points=3, instrument=EURUSD
    )
    assert found is requoted


def test_the_worst_price_is_the_deviation_in_points_from_the_asked_price() -> None:
    assert worst_price(D("1.1"), Side.BUY, 3, EURUSD) == D("1.10003")
    assert worst_price(D("150"), Side.SELL, 20, an_instrument("USDJPY")) == D("149.98")


# ------------------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Slippage(against=0.9, against_mean_spreads=1, favourable=0.2, favourable_mean_spreads=1), "at most 1"),
        (
            lambda: RolloverSpread(factor=D("0.5"), minutes_before=1, minutes_after=1),
            "factor is 0.5, expected 1 to 100",
        ),
        (lambda: RolloverSpread(factor=D("NaN"), minutes_before=1, minutes_after=1), "factor is NaN"),
        (lambda: FillProfile(name="x", stop_out_level_pct=D(0)), "stop_out_level_pct of x is 0, expected more than 0"),
        (lambda: FillProfile(name="x", stop_out_level_pct=D(60), margin_call_level_pct=D(50)), "at least the stop-out"),
    ],
)
def test_an_inconsistent_profile_is_refused(made: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made()


def test_a_profile_is_encoded_and_decoded_unchanged() -> None:
    assert msgspec.json.decode(msgspec.json.encode(REALISTIC), type=FillProfile) == REALISTIC
    with pytest.raises(msgspec.ValidationError, match="slipage"):
        msgspec.convert({"name": "mine", "slipage": None}, FillProfile)
    read = msgspec.convert(
        {"name": "mine", "rollover": {"factor": "3", "minutes_before": 1, "minutes_after": 2}}, FillProfile
    )
    assert read.rollover == RolloverSpread(factor=D(3), minutes_before=1, minutes_after=2)


def test_all_draws_use_the_seed_of_the_model() -> None:
    seeds: set[int] = set()

    def watching(seed: int, *purpose: int | str) -> float:
        seeds.add(seed)
        return uniform(seed, *purpose)

    model = FillModel(REALISTIC, 77, watching)
    executed(model)
    model.request_latency_ns(1)
    assert seeds == {77}
