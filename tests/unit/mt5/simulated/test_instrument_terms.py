"""The broker applies the terms of an instrument file: modes, limits, holidays, expiry and charges."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import structs

from marketdata.tick_stream import TickStream, build_stream
from proto.gateway import DealKind, DealReason
from proto.trading.enums import AccountMode, CalculationMode, GtcMode, Side, SwapMode
from proto.trading.instrument import CommissionTerms, Instrument, SwapTerms
from services.mt5.core.ports import retcodes
from services.mt5.core.simulated.fill_model import IDEAL, FillProfile
from tests.support.builders import an_instrument
from tests.support.catalogues import a_catalogue
from tests.support.market import utc_ns
from tests.unit.mt5.builders import some_rows
from tests.unit.mt5.simulated.broker_by_hand import Dealing, refusal

D = Decimal
CHARGING = FillProfile(name="charging", charges=True, keeps_sessions=True)

DE40 = Instrument(
    symbol="DE40", base_currency="EUR", profit_currency="EUR", margin_currency="EUR", digits=1, contract_size=D(25),
    tick_size=D("0.5"), volume_min=D("0.1"), volume_max=D(50), volume_step=D("0.1"),
    calculation_mode=CalculationMode.CFD, margin_rates_long=(D("0.1"), D("0.05")),
    margin_rates_short=(D("0.1"), D("0.05")), margin_hedged=D(5),
)  # fmt: skip


def ticks(symbol: str, *quotes: tuple[str, float, float]) -> TickStream:
    rows = [(utc_ns(moment), bid, ask) for moment, bid, ask in quotes]
    return build_stream([some_rows(symbol, rows)], accept_crossed=False)


def dealing(folder: Path, terms: Instrument, *quotes: tuple[str, float, float], **settings: Any) -> Dealing:
    chosen = {"currency": "EUR", "profile": CHARGING, **settings}
    return Dealing(stream=ticks(terms.symbol, *quotes), catalogue=a_catalogue(folder, terms), **chosen)


def test_a_trade_in_an_index_has_the_profit_swap_and_commission_of_its_terms(tmp_path: Path) -> None:
    """Bought at 18,001.5 on a Thursday, swap at the bid of Friday's first tick, closed at 18,020.0.

    Profit 18.5 x 25 x 0.4 = 185; swap 18,010 x 25 x 0.4 x 7.2 % / 360 = 36.02; commission 0.4 x 3 = 1.20 a deal.
    """
    terms = structs.replace(
        DE40,
        swaps=(SwapTerms(None, SwapMode.INTEREST_CURRENT, D("-7.2"), D(0)),),
        commissions=(CommissionTerms(None, D(3)),),
    )
    broker = dealing(
        tmp_path, terms,
        ("2026-01-08 12:00", 18_000.0, 18_001.5), ("2026-01-09 08:00", 18_010.0, 18_011.5),
        ("2026-01-09 09:00", 18_020.0, 18_021.5), deposit=100_000,
    )  # fmt: skip
    broker.buy("0.4", symbol="DE40")
    broker.to(3)
    broker.sell("0.4", symbol="DE40")
    moved = [(deal.kind, deal.price, deal.profit, deal.commission, deal.swap) for deal in broker.deals]
    assert moved == [
        (DealKind.BUY, D("18001.5"), 0, D("-1.20"), 0),
        (DealKind.SWAP, 0, 0, 0, D("-36.02")),
        (DealKind.SELL, D("18020.0"), D("185.00"), D("-1.20"), 0),
    ]
    assert broker.deals[1].reason is DealReason.ROLLOVER
    assert broker.venue.balance == D("100146.58")


def test_amounts_are_rounded_to_the_decimals_of_the_account_currency(tmp_path: Path) -> None:
    """The swap is 0.1254 a lot in account currency; 1.5 lots for one night pay 0.1881."""
    terms = structs.replace(DE40, swaps=(SwapTerms(None, SwapMode.CURRENCY_DEPOSIT, D("-0.1254"), D(0)),))
    found = {}
    for currency in ("JPY", "KWD", "EUR"):
        own = structs.replace(terms, base_currency=currency, profit_currency=currency, margin_currency=currency)
        broker = dealing(
            tmp_path, own, ("2026-01-05 12:00", 100.0, 100.5), ("2026-01-06 12:00", 100.0, 100.5), currency=currency
        )  # fmt: skip
        broker.buy("1.5", symbol="DE40")
        broker.to(2)
        found[currency] = (broker.venue.balance - 10_000, broker.position.profit)
    assert found == {"JPY": (0, D(-19)), "KWD": (D("-0.188"), D("-18.750")), "EUR": (D("-0.19"), D("-18.75"))}


def test_an_order_needs_the_initial_margin_and_a_position_the_maintenance_margin(tmp_path: Path) -> None:
    """1 lot at 18,001.5 is 450,037.50 EUR: 45,003.75 to open and 22,501.88 to hold."""
    quotes = [("2026-01-05 12:00", 18_000.0, 18_001.5)]
    poor = dealing(tmp_path, DE40, *quotes, deposit=45_003)
    refused = poor.buy("1", symbol="DE40")
    assert refused.order.retcode == retcodes.NO_MONEY
    assert refused.order.reason == "margin would be 45003.75 EUR, expected at most the equity of 45003"
    rich = dealing(tmp_path, DE40, *quotes, deposit=45_042)
    rich.buy("1", symbol="DE40")
    assert rich.venue.margin == D("22501.88")


def test_lots_held_long_and_short_need_the_hedged_margin(tmp_path: Path) -> None:
    """The unhedged lot needs 25 x 18,001.5 x 0.05, and the hedged lot 5 x 18,000.75 x 0.05."""
    broker = dealing(
        tmp_path, DE40, ("2026-01-05 12:00", 18_000.0, 18_001.5), mode=AccountMode.HEDGING, deposit=1_000_000
    )
    broker.buy("2", symbol="DE40")
    broker.sell("1", symbol="DE40")
    assert broker.venue.margin == D("27002.06"), "22,501.875 + 4,500.1875"


def test_an_order_that_exceeds_the_volume_limit_of_its_side_is_refused(tmp_path: Path) -> None:
    terms = structs.replace(DE40, volume_limit=D(5))
    broker = dealing(tmp_path, terms, ("2026-01-05 12:00", 18_000.0, 18_001.5), leverage=0)
    broker.buy("3", symbol="DE40")
    assert broker.status(broker.buy_limit("17900", "1.5", symbol="DE40")) == "ACCEPTED"
    refused = broker.buy("0.6", symbol="DE40")
    assert refusal(refused) == (retcodes.LIMIT_VOLUME, "LIMIT_REACHED")
    message = "BUY 0.6 of DE40 would make 5.1 lots of positions and orders, expected at most 5"
    assert refused.order.reason == message
    assert broker.status(broker.buy("0.5", symbol="DE40")) == "FILLED"
    assert broker.status(broker.sell("8.5", symbol="DE40")) == "FILLED", (
        "3.5 lots close the long position, and 5 lots open a short one"
    )
    assert refusal(broker.sell("0.1", symbol="DE40"))[0] == retcodes.LIMIT_VOLUME


def test_orders_are_refused_on_a_holiday_and_after_the_expiry(tmp_path: Path) -> None:
    holiday = (utc_ns("2026-01-06 00:00"), utc_ns("2026-01-07 00:00"))
    terms = structs.replace(DE40, holidays=(holiday,), expires_ns=utc_ns("2026-01-08 00:00"))
    moments = ("2026-01-05 23:59", "2026-01-06 00:00", "2026-01-07 00:00", "2026-01-08 00:00")
    broker = dealing(tmp_path, terms, *((moment, 18_000.0, 18_001.5) for moment in moments), leverage=0)
    found = []
    for ordinal in range(1, 5):
        broker.to(ordinal)
        found.append(broker.now(broker.buy("0.1", symbol="DE40")).order.retcode)
    assert found == [retcodes.DONE, retcodes.MARKET_CLOSED, retcodes.DONE, retcodes.MARKET_CLOSED]


def test_in_daily_gtc_mode_orders_expire_and_stops_of_positions_stay(tmp_path: Path) -> None:
    terms = structs.replace(DE40, gtc_mode=GtcMode.DAILY_EXCLUDING_STOPS)
    moments = ("2026-01-05 20:00", "2026-01-05 21:59", "2026-01-05 22:00")
    broker = dealing(tmp_path, terms, *((moment, 18_000.0, 18_001.5) for moment in moments), leverage=0)
    broker.buy("0.1", symbol="DE40", stop_loss="17000")
    resting = broker.buy_limit("17900", "0.1", symbol="DE40")
    broker.to(2)
    assert broker.status(resting) == "ACCEPTED"
    broker.to(3)
    assert broker.status(resting) == "EXPIRED"
    assert broker.position.stop_loss == D(17_000)


def test_a_commission_in_another_currency_is_converted_and_without_a_rate_the_order_is_refused(tmp_path: Path) -> None:
    """10 USD a lot from January 9 on: 0.5 lots of EURUSD cost 5 / 1.0800 = 4.63 EUR."""
    rows = (CommissionTerms(None, D(0)), CommissionTerms(date(2026, 1, 9), D(10), "USD"))
    eurusd = structs.replace(an_instrument(), commissions=rows, swaps=())
    quotes = [("2026-01-08 21:59", 1.08, 1.0802), ("2026-01-08 22:00", 1.08, 1.0802)]
    broker = dealing(tmp_path, eurusd, *quotes)
    broker.buy("0.5")
    broker.to(2)
    broker.buy("0.5")
    assert [deal.commission for deal in broker.deals] == [0, D("-4.63")]
    unknown = structs.replace(DE40, commissions=(CommissionTerms(None, D(3), "USD"),))
    alone = dealing(tmp_path, unknown, ("2026-01-05 12:00", 18_000.0, 18_001.5))
    refused = alone.buy("0.1", symbol="DE40")
    assert refusal(refused) == (retcodes.REJECT, "NO_CONVERSION_RATE")
    assert refused.order.reason == "no quote between the commission's currency and the account's EUR"


def test_profit_and_margin_of_a_future_follow_its_tick_value_and_initial_margin(tmp_path: Path) -> None:
    """2 lots sold at 5,000.00 and bought at 4,990.50 earn 38 ticks x 12.50 USD x 2 = 950 USD; margin 2 x 15,000."""
    future = Instrument(
        symbol="ESH6", base_currency="USD", profit_currency="USD", margin_currency="USD", digits=2,
        contract_size=D(1), tick_size=D("0.25"), tick_price=D("12.5"), volume_min=D(1), volume_max=D(10),
        volume_step=D(1), calculation_mode=CalculationMode.FUTURES, margin_initial=D(15_000),
    )  # fmt: skip
    broker = dealing(
        tmp_path, future, ("2026-01-05 12:00", 5_000.0, 5_000.25), ("2026-01-05 12:01", 4_990.25, 4_990.5),
        currency="USD", profile=IDEAL, deposit=50_000,
    )  # fmt: skip
    broker.order(Side.SELL, "2", symbol="ESH6")
    broker.to(2)
    assert broker.venue.margin == 30_000
    broker.buy("2", symbol="ESH6")
    assert broker.deals[-1].profit == D("950.00")
    instrument = broker.venue.instrument("ESH6")
    assert instrument is not None
    assert instrument.tick_value == D("12.5")
