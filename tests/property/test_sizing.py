"""A size never exceeds the allowed size, never falls with more equity, is a multiple of the step, and has a reason."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proto.trading.units import is_on_step
from services.portfolio.core.plan.plan import Exits, Sizing, SizingMethod
from services.portfolio.core.sizing.sizer import size_order
from services.portfolio.core.sizing.stop_risk import StopRisk, stop_risk
from services.portfolio.core.sizing.types import SizingInput
from tests.support.builders import an_instrument

D = Decimal
NOISE = D("1e-11")
"""Tolerance in lots, because a size within 10^-12 lots of a multiple of the volume step is rounded to this multiple."""


def decimals(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(D(low), D(high), places=places, allow_nan=False, allow_infinity=False)


@st.composite
def inputs(draw: st.DrawFn) -> SizingInput:
    """Inputs of sizing for any account and instrument, without missing values."""
    step = draw(st.sampled_from([D("0.01"), D("0.1"), D("0.03"), D(1), D("0.001")]))
    instrument = structs.replace(
        an_instrument(draw(st.sampled_from(["EURUSD", "USDJPY", "XAUUSD"]))),
        volume_step=step,
        volume_min=step * draw(st.integers(1, 5)),
        volume_max=step * draw(st.integers(5, 100_000)),
    )
    rate = draw(st.one_of(decimals("0.001", "200", 5), st.integers(1, 20_000).map(lambda price: 1 / D(price))))
    return SizingInput(
        instrument=instrument,
        direction=draw(st.sampled_from([-1, 1])),
        price=draw(decimals("0.5", "3000", 5)),
        confidence=draw(st.floats(0, 1)),
        currency="USD",
        currency_digits=2,
        equity=draw(decimals("-100", "10000000", 2)),
        loss_rate=rate,
        notional_per_lot=draw(decimals("1", "1000000", 4)),
        commission_per_lot=draw(decimals("0", "10", 2)),
        volatility_per_day=draw(st.floats(0, 0.2)),
        exits=Exits(stop_loss_points=draw(st.integers(1, 100_000)), take_profit_points=draw(st.integers(1, 100_000))),
        default_volume=draw(decimals("0.001", "1000", 3)),
    )


PERCENTS = decimals("0.001", "100", 3)
PLANS = st.one_of(
    st.builds(Sizing, volume=st.one_of(st.none(), decimals("0.001", "1000", 3))),
    st.builds(Sizing, method=st.just(SizingMethod.FRACTION), risk_pct=PERCENTS),
    st.builds(
        Sizing,
        method=st.just(SizingMethod.KELLY),
        kelly_fraction=decimals("0.01", "1", 2),
        kelly_risk_pct_max=PERCENTS,
        payoff=st.one_of(st.none(), decimals("0.01", "100", 2)),
    ),
    st.builds(Sizing, method=st.just(SizingMethod.VOLATILITY), volatility_pct_per_day=PERCENTS),
    st.builds(
        Sizing,
        method=st.just(SizingMethod.WEIGHTS),
        weights_pct=st.fixed_dictionaries(dict.fromkeys(("EURUSD", "USDJPY", "XAUUSD"), PERCENTS)),
    ),
).flatmap(
    lambda plan: st.one_of(st.none(), decimals("0.001", "1000", 3)).map(
        lambda most: structs.replace(plan, volume_max=most)
    )
)


@given(PLANS, inputs())
def test_a_size_is_valid_or_zero(plan: Sizing, given_: SizingInput) -> None:
    terms = given_.instrument
    volume, sizing_text = size_order(plan, given_)
    assert is_on_step(volume, terms.volume_step)
    assert volume == 0 or terms.volume_min <= volume <= terms.volume_max
    assert plan.volume_max is None or volume <= plan.volume_max
    assert sizing_text.startswith(f"{plan.method}: ")
    assert sizing_text.endswith(": no trade") is (volume == 0)
    assert len(sizing_text) <= 512


@pytest.mark.parametrize("method", [SizingMethod.FRACTION, SizingMethod.KELLY])
@given(inputs(), PERCENTS)
def test_the_loss_at_the_stop_is_never_above_the_allowed_risk(
    method: SizingMethod, given_: SizingInput, pct: Decimal
) -> None:
    volume, _ = size_order(Sizing(method=method, risk_pct=pct, kelly_risk_pct_max=pct), given_)
    stop = stop_risk(given_)
    assert isinstance(stop, StopRisk)
    assert given_.equity is not None
    assert volume * stop.loss_per_lot <= max(given_.equity, D(0)) * pct / 100 + stop.loss_per_lot * NOISE


@given(inputs(), PERCENTS)
def test_a_position_is_never_worth_more_than_its_weight(given_: SizingInput, pct: Decimal) -> None:
    plan = Sizing(method=SizingMethod.WEIGHTS, weights_pct={given_.instrument.symbol: pct})
    volume, _ = size_order(plan, given_)
    assert given_.equity is not None
    assert given_.notional_per_lot is not None
    assert volume * given_.notional_per_lot <= max(given_.equity, D(0)) * pct / 100 + given_.notional_per_lot * NOISE


@given(PLANS, inputs(), decimals("0", "1000000", 2))
def test_more_equity_never_gives_a_smaller_size(plan: Sizing, given_: SizingInput, more: Decimal) -> None:
    assert given_.equity is not None
    richer = given_._replace(equity=given_.equity + more)
    assert size_order(plan, richer).volume >= size_order(plan, given_).volume


@given(PLANS, inputs())
def test_one_step_more_would_be_above_the_target(plan: Sizing, given_: SizingInput) -> None:
    """A size is rounded down by less than one step, unless a bound of the plan or the venue applies."""
    step = D("0.00000001")
    fine = structs.replace(given_.instrument, volume_step=step, volume_min=step, volume_max=D(10) ** 15)
    free = structs.replace(plan, volume_max=None)
    unrounded = size_order(free, given_._replace(instrument=fine)).volume
    coarse = structs.replace(fine, volume_step=D("0.01"), volume_min=D("0.01"))
    volume = size_order(free, given_._replace(instrument=coarse)).volume
    if plan.method is SizingMethod.FIXED and not is_on_step(unrounded, coarse.volume_step):
        assert volume == 0  # a fixed volume that is no multiple of the step is not rounded, but gives no trade
        return
    assert volume <= unrounded < volume + D("0.01")
