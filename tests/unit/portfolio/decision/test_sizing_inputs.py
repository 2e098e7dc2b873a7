"""Inputs of sizing: equity at the marks, conversion at the worse side of the spread, and None for unknown values."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from msgspec import structs

from proto.time import MINUTE_NS
from proto.trading.enums import Side
from services.portfolio.core.account.events import DealBooked
from services.portfolio.core.account.tick_cursor import Mark, TickCursor
from services.portfolio.core.decision.sizing_inputs import half_lives_min, sizing_input
from services.portfolio.core.plan.plan import Exits, Plan, Sizing, SizingMethod, Strategy
from services.portfolio.core.risk.limits import NO_LIMITS
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import RiskContext
from services.portfolio.core.sizing.sizer import size_order
from services.portfolio.core.sizing.types import SizingInput
from services.portfolio.core.sizing.volatility import Volatility, update_volatility
from tests.support.builders import START_NS, a_book, a_deal, a_deposit, an_instrument, booked_deals

D = Decimal
BY_VOLATILITY = Sizing(method=SizingMethod.VOLATILITY, volatility_pct_per_day=D(100), volatility_half_life_min=1)


def an_account(*symbols: str, currency: str = "USD") -> RiskContext:
    """An account with 10,000 in cash, and with terms but no quotes of these symbols."""
    book = a_book(*booked_deals(a_deposit()), symbols=symbols, currency=currency)
    return RiskContext(book, TickCursor(), NO_LIMITS, RiskState())


def quoted(account: RiskContext, symbol: str, bid: float, ask: float) -> RiskContext:
    account.cursor.marks[symbol] = Mark(bid, ask, START_NS)
    return account


def inputs(
    account: RiskContext,
    symbol: str,
    plan: Plan = Plan(),  # noqa: B008 - a plan is frozen
    volatility: Mapping[str, Volatility] = MappingProxyType({}),
) -> SizingInput:
    return sizing_input(
        an_instrument(symbol),
        direction=1,
        price=D(1),
        confidence=0.6,
        context=account,
        volatility=volatility,
        symbol_plan=plan.for_symbol(symbol),
        default_volume=D("0.01"),
    )


def test_equity_is_balance_plus_unrealized_profit_at_the_marks() -> None:
    account = quoted(an_account("EURUSD"), "EURUSD", 1.101, 1.1012)
    assert inputs(account, "EURUSD").equity == D(10_000)
    account.book.apply(DealBooked(deal=a_deal(2, Side.BUY, "0.10", "1.1"), order_id="", closings=[]))
    assert inputs(account, "EURUSD").equity == D(10_010)  # 0.001 x 10,000 at the bid


def test_equity_is_unknown_while_a_position_has_no_mark() -> None:
    account = quoted(an_account("EURUSD", "GBPUSD"), "EURUSD", 1.1, 1.1001)
    account.book.apply(DealBooked(deal=a_deal(2, Side.BUY, "0.10", "1.3", symbol="GBPUSD"), order_id="", closings=[]))
    assert inputs(account, "EURUSD").equity is None


def test_a_loss_is_converted_at_the_side_of_the_spread_that_makes_it_larger() -> None:
    account = quoted(an_account("USDJPY"), "USDJPY", 150.0, 150.1)
    assert inputs(account, "USDJPY").loss_rate == 1 / D(150)


def test_a_conversion_rate_without_a_quoted_pair_is_unknown_and_the_volume_is_zero() -> None:
    account = quoted(an_account("EURJPY"), "EURJPY", 160.0, 160.1)
    given = inputs(account, "EURJPY")
    assert (given.loss_rate, given.notional_per_lot) == (None, None)
    plan = Sizing(method=SizingMethod.FRACTION, risk_pct=D(1))
    sized = size_order(plan, given._replace(exits=Exits(stop_loss_points=10)))
    assert sized == (D(0), "fraction: no rate is known from JPY to USD: no trade")


def test_the_notional_per_lot_is_contract_size_times_mid() -> None:
    account = quoted(an_account("EURUSD"), "EURUSD", 1.1, 1.1002)
    assert inputs(account, "EURUSD").notional_per_lot == D("110010")


def test_volatility_sizing_uses_the_estimate_of_the_orders_symbol() -> None:
    """100 % of 10,000 USD a day / (130,000 USD x ln 1.01 x sqrt 1440) = 0.2037."""
    plan = Plan(strategies={"calm": Strategy(symbols=("GBPUSD",), sizing=BY_VOLATILITY)})
    account = quoted(quoted(an_account("EURUSD", "GBPUSD"), "EURUSD", 1.1, 1.1), "GBPUSD", 1.3, 1.3)
    volatility: dict[str, Volatility] = {}
    for minute, mid in enumerate((1.0, 1.01, 1.0)):
        time_ns = START_NS + minute * MINUTE_NS
        update_volatility(volatility, "GBPUSD", mid, time_ns, half_life_min=1)
    assert inputs(account, "EURUSD", plan, volatility).volatility_per_day is None
    assert size_order(BY_VOLATILITY, inputs(account, "GBPUSD", plan, volatility)).volume == D("0.20")


def test_half_lives_are_returned_only_for_symbols_sized_by_volatility() -> None:
    calm = {"calm": Strategy(symbols=("GBPUSD",), sizing=BY_VOLATILITY)}
    symbols = ("EURUSD", "GBPUSD")
    assert half_lives_min(Plan(), symbols) == {}
    assert half_lives_min(Plan(strategies=calm), symbols) == {"GBPUSD": 1}
    slow = structs.replace(BY_VOLATILITY, volatility_half_life_min=90)
    assert half_lives_min(Plan(sizing=slow, strategies=calm), symbols) == {"EURUSD": 90, "GBPUSD": 1}
