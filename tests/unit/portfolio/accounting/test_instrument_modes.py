"""Value, size and margin of positions in a future and an index CFD, compared with numbers computed by hand."""

from __future__ import annotations

from decimal import Decimal

from msgspec import structs

from proto.trading.enums import AccountMode, CalculationMode, Side
from proto.trading.instrument import Instrument
from services.portfolio.core.account.events import InstrumentLearned
from services.portfolio.core.account.tick_cursor import Mark, TickCursor
from services.portfolio.core.accounting.valuation import account_margin, unrealized_pnl
from services.portfolio.core.plan.plan import Exits, Sizing, SizingMethod
from services.portfolio.core.risk.exposure import notional, projected_margin
from services.portfolio.core.risk.limits import NO_LIMITS
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import OrderProposal, RiskContext
from services.portfolio.core.sizing.sizer import size_order
from tests.support.builders import a_book, a_deal, booked_deals
from tests.unit.portfolio.sizing.builders import an_input

D = Decimal

FUTURE = Instrument(
    symbol="ESH6", base_currency="USD", profit_currency="USD", margin_currency="USD", digits=2, contract_size=D(1),
    tick_size=D("0.25"), tick_price=D("12.5"), volume_min=D(1), volume_max=D(10), volume_step=D(1),
    calculation_mode=CalculationMode.FUTURES, margin_initial=D(15_000), margin_maintenance=D(12_000),
)  # fmt: skip
DE40 = Instrument(
    symbol="DE40", base_currency="EUR", profit_currency="EUR", margin_currency="EUR", digits=1, contract_size=D(25),
    tick_size=D("0.5"), volume_min=D("0.1"), volume_max=D(50), volume_step=D("0.1"),
    calculation_mode=CalculationMode.CFD, margin_rates_long=(D("0.1"), D("0.05")),
    margin_rates_short=(D("0.1"), D("0.05")), margin_hedged=D(5),
)  # fmt: skip


def test_value_notional_and_margin_of_a_future_follow_its_tick_value_and_margins() -> None:
    """2 lots from 5,000.00 to the bid 4,990.50 lose 38 ticks at 12.50 a lot. The notional of 1 lot is 50 x mid."""
    marks = {"ESH6": Mark(4_990.5, 4_991.0, 1)}
    book = a_book(InstrumentLearned(instrument=FUTURE))
    for event in booked_deals(a_deal(1, Side.BUY, "2", "5000", symbol="ESH6")):
        book.apply(event)
    assert unrealized_pnl("ESH6", book, marks) == D("-950.00")
    assert account_margin(book, marks, leverage=100) == 24_000
    context = RiskContext(book, TickCursor(marks=marks), NO_LIMITS, RiskState())
    assert notional(FUTURE, D(1), context) == D("249537.50")
    order = OrderProposal(FUTURE, 1, D(1), D(1), D("4991"), 0.9)
    limited = context._replace(limits=structs.replace(NO_LIMITS, leverage=D(100)))
    assert projected_margin(order, limited) == 45_000, "all three lots need the initial margin"


def test_a_size_by_risk_counts_a_future_in_ticks() -> None:
    """A stop loss 100 points away is 4 ticks, or 50 USD a lot. So 2 % of 10,000 USD allow 4 lots."""
    given = an_input(instrument=FUTURE, price=D("4991"), exits=Exits(stop_loss_points=100))
    assert size_order(Sizing(method=SizingMethod.FRACTION, risk_pct=D(2)), given).volume == 4


def test_the_desk_computes_the_same_hedged_margin_as_the_venue() -> None:
    """2 lots long and 1 short at 18,000.0 / 18,001.5 need a margin of 22,501.875 + 4,500.1875 at the venue."""
    marks = {"DE40": Mark(18_000.0, 18_001.5, 1)}
    book = a_book(InstrumentLearned(instrument=DE40), account_mode=AccountMode.HEDGING, currency="EUR")
    deals = (
        a_deal(1, Side.BUY, "2", "18001.5", symbol="DE40", position=1),
        a_deal(2, Side.SELL, "1", "18000", symbol="DE40", position=2),
    )
    for event in booked_deals(*deals):
        book.apply(event)
    assert account_margin(book, marks, leverage=100) == D("27002.06")
