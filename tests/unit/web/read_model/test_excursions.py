"""MAE and MFE of trades: computed by hand, unknown without bars, and written when later bars cover the trade."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from proto.gateway import DealEntry
from proto.trading.enums import Side
from services.portfolio.core.account.events import DealBooked, OrderCreated
from services.web.read_model.filters import TradeFilter
from services.web.read_model.trades import RETRIES_MAX
from tests.support.builders import START_NS, TICK_NS, a_deal, an_order, booked_deals
from tests.unit.web.read_model.ledgers import HandMadeLedger, follow_to_end, followed, ledger_by_hand

D = Decimal


class Bars:
    """Returns `extremes` for every interval, None at first, and records the requests."""

    def __init__(self) -> None:
        self.extremes: tuple[float, float] | None = None
        self.asked: list[tuple[str, int, int]] = []

    def __call__(self, symbol: str, from_ns: int, to_ns: int) -> tuple[float, float] | None:
        self.asked.append((symbol, from_ns, to_ns))
        return self.extremes


def a_trade(
    ledger: HandMadeLedger, symbol: str, side: Side, opened: str, closed: str, *, has_order: bool = True
) -> None:
    """Open 0.1 lots and close them 5 s later."""
    number = len(ledger.book.orders) + 1
    first = len(ledger.book.deals) + 1
    decision = an_order().decision
    rate = type(decision)(**{**{n: getattr(decision, n) for n in decision.__struct_fields__}, "rate": D("0.01")})
    order = an_order(number, side, "0.1", symbol=symbol, decision=decision if symbol == "EURUSD" else rate)
    deals = (
        a_deal(first, side, "0.1", opened, symbol=symbol),
        a_deal(
            first + 1, side.opposite, "0.1", closed, symbol=symbol, time_ns=START_NS + 5 * TICK_NS, entry=DealEntry.OUT
        ),
    )
    order_id = ""
    if has_order:
        ledger.commit(OrderCreated(order=order))
        order_id = order.order_id
    ledger.commit(DealBooked(deal=deals[0], order_id=order_id, closings=[]), *booked_deals(deals[1]))


@pytest.mark.parametrize(
    ("symbol", "side", "opened", "extremes", "mae", "mfe"),
    [
        # 0.1 lots x 100,000 x the distance from the opening price.
        ("EURUSD", Side.BUY, "1.1", (1.095, 1.12), "-50.00", "200.00"),
        ("EURUSD", Side.SELL, "1.1", (1.095, 1.12), "-200.00", "50.00"),
        ("EURUSD", Side.BUY, "1.1", (1.101, 1.12), "10.00", "200.00"),
        # 0.1 x 100,000 x 1 JPY = 10,000 JPY, at 0.01 USD for a JPY.
        ("USDJPY", Side.BUY, "150", (149.0, 152.5), "-100.00", "250.00"),
    ],
)
def test_excursions_by_hand(
    tmp_path: Path, symbol: str, side: Side, opened: str, extremes: tuple[float, float], mae: str, mfe: str
) -> None:
    bars = Bars()
    bars.extremes = extremes
    with ledger_by_hand(tmp_path, symbols=("EURUSD", "USDJPY")) as ledger:
        a_trade(ledger, symbol, side, opened, opened)
        with followed(tmp_path, extremes=bars) as model:
            [trade] = model.trades(TradeFilter()).rows
    assert (trade.mae, trade.mfe) == (D(mae), D(mfe))
    assert bars.asked == [(symbol, trade.open_time_ns, trade.close_time_ns)]


def test_a_trade_of_a_foreign_order_has_no_excursions(tmp_path: Path) -> None:
    bars = Bars()
    bars.extremes = (1.0, 2.0)
    with ledger_by_hand(tmp_path) as ledger:
        a_trade(ledger, "EURUSD", Side.BUY, "1.1", "1.2", has_order=False)
        with followed(tmp_path, extremes=bars) as model:
            [trade] = model.trades(TradeFilter()).rows
    assert (trade.mae, trade.mfe, trade.entry_slippage) == (None, None, None)


def test_later_bars_complete_a_trade(tmp_path: Path) -> None:
    bars = Bars()
    with ledger_by_hand(tmp_path) as ledger:
        a_trade(ledger, "EURUSD", Side.BUY, "1.1", "1.2")
        with followed(tmp_path, extremes=bars) as model:
            assert model.trades(TradeFilter()).rows[0].mae is None
            before = model.revisions
            bars.extremes = (1.095, 1.12)
            follow_to_end(model)
            [trade] = model.trades(TradeFilter(sort="-mae")).rows
            assert (trade.mae, trade.mfe) == (D("-50.00"), D("200.00"))
            assert model.revisions.trades > before.trades
            follow_to_end(model)
        with followed(tmp_path) as model:
            assert model.trades(TradeFilter()).rows == [trade]


def test_bars_are_read_a_limited_number_of_times(tmp_path: Path) -> None:
    bars = Bars()
    with ledger_by_hand(tmp_path) as ledger:
        a_trade(ledger, "EURUSD", Side.BUY, "1.1", "1.2")
        with followed(tmp_path, extremes=bars) as model:
            for _ in range(RETRIES_MAX + 20):
                model.follow()
    assert len(bars.asked) == 1 + RETRIES_MAX
