"""Each sizing method, compared with numbers computed by hand: volume, rounding and explanation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from services.portfolio.core.plan.plan import Exits, Sizing, SizingMethod
from services.portfolio.core.sizing.sizer import METHODS, size_order
from tests.unit.portfolio.sizing.builders import an_input, terms_of

D = Decimal
FRACTION = Sizing(method=SizingMethod.FRACTION, risk_pct=D(1))
KELLY = Sizing(method=SizingMethod.KELLY, payoff=D("1.5"))
VOLATILITY = Sizing(method=SizingMethod.VOLATILITY, volatility_pct_per_day=D(1))
WEIGHTS = Sizing(method=SizingMethod.WEIGHTS, weights_pct={"EURUSD": D(40), "XAUUSD": D(0)})


def test_every_sizing_method_is_implemented() -> None:
    assert set(METHODS) == set(SizingMethod)


def test_a_fixed_volume_is_that_of_the_plan_or_the_desks_default() -> None:
    assert size_order(Sizing(), an_input(default_volume=D("0.07"))) == (
        D("0.07"),
        "fixed: 0.07 lots, the desk's default -> 0.07, step 0.01 -> 0.07 lots",
    )
    assert size_order(Sizing(volume=D("0.5")), an_input()) == (
        D("0.5"),
        "fixed: 0.5 lots of the plan -> 0.5, step 0.01 -> 0.5 lots",
    )


def test_a_fixed_volume_needs_no_data_of_the_account() -> None:
    blind = an_input(equity=None, loss_rate=None, notional_per_lot=None, volatility_per_day=None, exits=Exits())
    assert size_order(Sizing(), blind).volume == D("0.01")
    assert size_order(Sizing(), an_input(equity=D(-5))).volume == D("0.01")


def test_the_method_fraction_loses_a_fraction_of_equity_at_the_stop_loss() -> None:
    """1 % of 10,000 USD is 100 USD. 25 points of EURUSD are 0.00025 x 100,000 = 25 USD a lot. 100 / 25 = 4 lots."""
    assert size_order(FRACTION, an_input()) == (
        D(4),
        "fraction: 1 % of 10000.00 USD = 100.00 USD at risk / 25.00 USD a lot at the stop 25 points away -> 4, "
        "step 0.01 -> 4 lots",
    )


def test_a_loss_in_another_currency_is_converted_at_the_buying_rate() -> None:
    """300 points of USDJPY are 0.3 x 100,000 = 30,000 JPY a lot, or 200 USD at 1/150. 100 / 200 = 0.5 lots."""
    given = an_input("USDJPY", price=D(150), loss_rate=1 / D(150), exits=Exits(stop_loss_points=300))
    sized = size_order(FRACTION, given)
    assert sized.volume == D("0.5")  # although the last digit of 1/150 is rounded up
    exact = size_order(FRACTION, given._replace(loss_rate=D("0.00625")))
    assert exact.volume == D("0.53")  # 187.50 USD a lot: 0.5333...


def test_the_risk_includes_the_commission_of_both_deals() -> None:
    """25 USD loss at the stop loss and twice 3.50 USD commission are 32 USD a lot. 100 / 32 = 3.125 lots."""
    sized = size_order(FRACTION, an_input(commission_per_lot=D("3.50")))
    assert sized.volume == D("3.12")
    assert "/ 32.00 USD a lot at the stop 25 points away, 7.00 USD of it commission -> 3.125, step" in sized.explanation


@pytest.mark.parametrize(("digits", "amount"), [(0, "32 JPY"), (2, "32.00 USD"), (3, "32.000 KWD")])
def test_amounts_have_the_decimals_of_the_account(digits: int, amount: str) -> None:
    given = an_input(commission_per_lot=D("3.50"), currency=amount[-3:], currency_digits=digits)
    assert f"/ {amount} a lot at the stop" in size_order(FRACTION, given).explanation


def test_a_stop_between_two_ticks_counts_at_the_further_tick() -> None:
    """27 points are rounded up to 30 with a tick size of 10 points. This is 30 USD a lot, and 100 / 30 = 3.33 lots."""
    rough = terms_of(tick_size=D("0.0001"))
    assert size_order(FRACTION, an_input(instrument=rough, exits=Exits(stop_loss_points=27))).volume == D("3.33")


def test_a_sell_is_sized_like_a_buy() -> None:
    assert size_order(FRACTION, an_input(direction=-1)) == size_order(FRACTION, an_input())


def test_half_of_the_kelly_fraction_is_risked_up_to_the_maximum() -> None:
    """f* = 0.56 - 0.44 / 1.5 = 0.26667. Half of f* is 13.3 %, above the maximum of 2 %. 200 USD / 25 USD = 8 lots."""
    assert size_order(KELLY, an_input()) == (
        D(8),
        "kelly: p 0.56, payoff 1.5 -> f 0.266667, 0.5 of f is 13.3333 %, at most 2 % -> 200.00 USD of 10000.00 USD "
        "at risk / 25.00 USD a lot at the stop 25 points away -> 8, step 0.01 -> 8 lots",
    )


def test_a_small_kelly_fraction_is_risked_below_the_maximum() -> None:
    """f* = 0.51 - 0.49 / 1 = 0.02. A quarter of f* is 0.5 %, or 50 USD, at 25 USD a lot."""
    plan = structs.replace(KELLY, payoff=D(1), kelly_fraction=D("0.25"))
    assert size_order(plan, an_input(confidence=0.51)).volume == D(2)


def test_the_payoff_is_take_profit_divided_by_stop_loss_unless_the_plan_has_one() -> None:
    """The payoff is 40 / 25 = 1.6. f* = 0.4 - 0.6 / 1.6 = 0.025. Half of f* is 1.25 %: 125 USD are 5 lots."""
    plan = structs.replace(KELLY, payoff=None)
    sized = size_order(plan, an_input(confidence=0.4, exits=Exits(stop_loss_points=25, take_profit_points=40)))
    assert sized.volume == D(5)
    assert sized.explanation.startswith("kelly: p 0.4, payoff 1.6 -> f 0.025, 0.5 of f is 1.25 %, at most 2 %")


@pytest.mark.parametrize(
    ("confidence", "payoff", "fraction"), [(0.4, "1.5", "0"), (0.3, "1", "-0.4"), (0.0, "2", "-0.5")]
)
def test_a_kelly_fraction_of_0_or_less_makes_no_trade(confidence: float, payoff: str, fraction: str) -> None:
    sized = size_order(structs.replace(KELLY, payoff=D(payoff)), an_input(confidence=confidence))
    assert sized.volume == 0
    assert sized.explanation == (f"kelly: p {confidence:g}, payoff {payoff} -> f {fraction}, not above 0: no trade")


def test_the_daily_deviation_of_a_position_equals_the_volatility_target() -> None:
    """1 % of 10,000 USD is 100 USD. A lot of 110,000 USD deviates by 0.5 % = 550 USD a day. 100 / 550 = 0.1818..."""
    assert size_order(VOLATILITY, an_input()) == (
        D("0.18"),
        "volatility: 1 % of 10000.00 USD a day = 100.00 USD / (110000.00 USD a lot x 0.5 % a day = 550.00 USD) "
        "-> 0.181818, step 0.01 -> 0.18 lots",
    )


def test_a_symbol_with_volatility_0_makes_no_trade() -> None:
    assert size_order(VOLATILITY, an_input(volatility_per_day=0.0)) == (
        D(0),
        "volatility: EURUSD does not move: its volatility is 0: no trade",
    )


def test_the_notional_of_a_position_is_the_weight_times_equity() -> None:
    """40 % of 10,000 USD is 4,000 USD. The notional of a lot is 110,000 USD. 4,000 / 110,000 = 0.03636..."""
    assert size_order(WEIGHTS, an_input()) == (
        D("0.03"),
        "weights: 40 % of 10000.00 USD = 4000.00 USD / 110000.00 USD a lot -> 0.0363636, step 0.01 -> 0.03 lots",
    )
    assert size_order(WEIGHTS, an_input("XAUUSD")) == (D(0), "weights: XAUUSD has the weight 0: no trade")


@pytest.mark.parametrize(
    ("plan", "changed", "message"),
    [
        (FRACTION, {"equity": None}, "fraction: the equity is not known: no trade"),
        (
            FRACTION,
            {"exits": Exits()},
            "fraction: there is no stop_loss_points, from which the risk of a lot is computed: no trade",
        ),
        (FRACTION, {"loss_rate": None}, "fraction: no rate is known from USD to USD: no trade"),
        (FRACTION, {"equity": D("-12.50")}, "fraction: the equity is -12.50 USD: no trade"),
        (KELLY, {"equity": None}, "kelly: the equity is not known: no trade"),
        (
            KELLY,
            {"exits": Exits()},
            "kelly: there is no stop_loss_points, from which the risk of a lot is computed: no trade",
        ),
        (KELLY, {"equity": D(0)}, "kelly: the equity is 0.00 USD: no trade"),
        (
            structs.replace(KELLY, payoff=None),
            {"exits": Exits(stop_loss_points=5)},
            "kelly: there is no payoff, and no take_profit_points to compute it from: no trade",
        ),
        (VOLATILITY, {"equity": None}, "volatility: the equity is not known: no trade"),
        (VOLATILITY, {"volatility_per_day": None}, "volatility: the volatility of EURUSD is not known yet: no trade"),
        (VOLATILITY, {"notional_per_lot": None}, "volatility: no rate is known from USD to USD: no trade"),
        (WEIGHTS, {"equity": None}, "weights: the equity is not known: no trade"),
        (WEIGHTS, {"notional_per_lot": None}, "weights: no rate is known from USD to USD: no trade"),
        (WEIGHTS, {"instrument": terms_of("NZDUSD")}, "weights: NZDUSD has no weight: no trade"),
    ],
)
def test_an_unknown_input_makes_no_trade_and_is_reported(plan: Sizing, changed: dict[str, Any], message: str) -> None:
    assert size_order(plan, an_input(**changed)) == (D(0), message)


def test_a_size_of_0_29_lots_is_not_rounded_down_by_a_step_of_0_01() -> None:
    assert size_order(Sizing(volume=D("0.29")), an_input()).volume == D("0.29")
    # 7.25 USD at risk / 25 USD a lot = 0.29, which is 0.28999... in floats.
    sized = size_order(structs.replace(FRACTION, risk_pct=D("0.0725")), an_input())
    assert sized.volume == D("0.29")


def test_every_size_is_rounded_down_to_the_step() -> None:
    coarse = terms_of(volume_step=D("0.05"), volume_min=D("0.05"))
    sized = size_order(FRACTION, an_input(equity=D(373), instrument=coarse))
    assert sized.volume == D("0.10")
    assert sized.explanation.endswith("-> 0.1492, step 0.05 -> 0.1 lots")


@pytest.mark.parametrize(
    ("plan", "default", "message"),
    [
        (Sizing(volume=D("0.149")), D("0.01"), "fixed: 0.149 lots of the plan, expected a multiple of 0.01: no trade"),
        (Sizing(), D("0.015"), "fixed: 0.015 lots, the desk's default, expected a multiple of 0.01: no trade"),
    ],
)
def test_a_fixed_volume_between_two_steps_makes_no_trade_and_is_not_rounded(
    plan: Sizing, default: Decimal, message: str
) -> None:
    assert size_order(plan, an_input(default_volume=default)) == (D(0), message)


def test_a_size_below_the_minimum_volume_makes_no_trade_and_is_not_rounded_up() -> None:
    sized = size_order(FRACTION, an_input(equity=D(24)))
    assert sized.volume == 0
    assert sized.explanation.endswith("-> 0.0096 lots, less than the least volume 0.01: no trade")
    assert size_order(FRACTION, an_input(equity=D(25))).volume == D("0.01")


def test_a_size_is_limited_by_the_plan_and_by_the_venue() -> None:
    bounded = size_order(structs.replace(FRACTION, volume_max=D("0.555")), an_input())
    assert bounded.volume == D("0.55")
    assert bounded.explanation.endswith("-> 4, at most 0.555 by the plan, step 0.01 -> 0.55 lots")
    large = size_order(FRACTION, an_input(equity=D(10_000_000)))
    assert large.volume == D(100)
    assert large.explanation.endswith("-> 4000, at most 100 by the venue, step 0.01 -> 100 lots")
    both = size_order(structs.replace(FRACTION, volume_max=D(200)), an_input(equity=D(10_000_000)))
    assert both.volume == D(100)


def test_a_maximum_below_the_venues_minimum_volume_makes_no_trade() -> None:
    sized = size_order(structs.replace(FRACTION, volume_max=D("0.005")), an_input())
    assert sized.volume == 0
    assert sized.explanation.endswith("at most 0.005 by the plan lots, less than the least volume 0.01: no trade")
