"""For any fills, the net position is the sum of their signed volumes.

The profit is the cash of the fills and of closing the open rest at the mark.
"""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from proto.trading.enums import Side
from services.portfolio import PortfolioManager
from services.portfolio.core.account.position import Position

CONTRACT = Decimal(100_000)
VOLUMES = st.integers(1, 500).map(lambda lots: Decimal(lots) / 100)
PRICES = st.integers(1, 300_000).map(lambda points: Decimal(points) / 100_000)
FILLS = st.lists(st.tuples(st.sampled_from(Side), VOLUMES, PRICES), max_size=30)


def folded(fills: list[tuple[Side, Decimal, Decimal]]) -> tuple[Position, Decimal]:
    """The position after the fills, and its realized profit."""
    position, realized = Position("EURUSD", CONTRACT), Decimal(0)
    for number, (side, volume, price) in enumerate(fills, 1):
        closings = position.apply(side=side, volume=volume, price=price, deal=str(number), time_ns=number)
        realized += sum((closing.gross for closing in closings), Decimal(0))
    return position, realized


@given(FILLS)
def test_the_net_position_is_the_sum_of_signed_fills(fills: list[tuple[Side, Decimal, Decimal]]) -> None:
    position, _ = folded(fills)
    assert position.net_volume == sum(side.sign * volume for side, volume, _ in fills)
    assert position.is_flat is (position.net_volume == 0)
    assert all(lot.volume > 0 for lot in position.lots)


@given(FILLS, PRICES)
def test_realized_plus_unrealized_profit_is_the_cash_of_all_fills_and_of_a_close_at_the_mark(
    fills: list[tuple[Side, Decimal, Decimal]], mark: Decimal
) -> None:
    """Realized plus unrealized profit is the cash of all fills and of closing the open rest at the mark."""
    position, realized = folded(fills)
    cash = sum((-side.sign * volume * price for side, volume, price in fills), Decimal(0)) * CONTRACT
    assert realized + position.gross_unrealized(bid=mark, ask=mark) == cash + position.net_volume * mark * CONTRACT


@given(FILLS, FILLS)
def test_a_position_restored_from_its_lots_continues_the_same(
    before: list[tuple[Side, Decimal, Decimal]], after: list[tuple[Side, Decimal, Decimal]]
) -> None:
    position, _ = folded(before)
    restored = Position("EURUSD", CONTRACT, position.lots, position.legs)
    for number, (side, volume, price) in enumerate(after, 1_000):
        one, other = (
            each.apply(side=side, volume=volume, price=price, deal=str(number), time_ns=number)
            for each in (position, restored)
        )
        assert one == other
    assert (restored.lots, restored.net_volume, restored.label) == (position.lots, position.net_volume, position.label)


WORDS = st.sampled_from(["FILLED", "PARTIALLY_FILLED", "REJECTED", "CANCELED", "IN_DOUBT", "ACCEPTED", "", None])
NUMBERS = st.one_of(
    st.none(), st.floats(), st.integers(-5, 5), VOLUMES, st.text(max_size=4), st.sampled_from(["0.01", "NaN", "-1"])
)
STEPS = st.lists(
    st.tuples(st.integers(-1, 1), NUMBERS, WORDS, NUMBERS, NUMBERS, st.integers(0, 3), st.booleans()), max_size=15
)


@given(st.sampled_from(["close", "reverse"]), STEPS)
def test_any_input_raises_no_error_and_the_position_is_the_sum_of_its_fills(
    mode: str, steps: list[tuple[object, ...]]
) -> None:
    manager = PortfolioManager(on_opposite=mode, clock_ns=lambda: 1)
    for signal, volume, status, filled, price, back, is_canceled in steps:
        manager.create_order(signal, 1.1, volume)  # type: ignore[arg-type]
        history = manager.get_order_history()
        order_id = history[-1 - int(str(back)) % len(history)]["order_id"] if history else "none"
        response = {"order_id": order_id, "status": status, "filled_volume": filled, "filled_price": price}
        manager.on_fill(response)
        assert manager.on_fill(response) is False
        if is_canceled:
            manager.cancel_order(order_id)
        history = manager.get_order_history()
        assert sum(row["status"] in ("PENDING", "PARTIALLY_FILLED", "IN_DOUBT") for row in history) <= 1
        signed = sum(
            (Decimal(str(row["filled_volume"])) * (1 if row["action"] == "BUY" else -1) for row in history), Decimal(0)
        )
        assert float(manager.position.net_volume) == float(signed)
        assert manager.get_position_summary()["status"] in ("FLAT", "OPEN")
