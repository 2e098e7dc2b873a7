"""Effects of ticks on positions: stops, swaps and stop-outs, on netting and hedging accounts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from marketdata.tick_stream import build_stream
from proto.gateway import DealEntry, DealKind, DealReason
from proto.trading.enums import AccountMode
from services.mt5.core.simulated.fill_model import REALISTIC, FillProfile, Slippage, SlippageByType
from tests.unit.mt5.builders import SECOND_NS, START_NS, a_stream, some_rows
from tests.unit.mt5.simulated.broker_by_hand import Dealing, refusal

HEDGING = AccountMode.HEDGING
CHARGING = FillProfile(name="charging", charges=True)
STOPPING = FillProfile(name="stopping", stop_out_level_pct=Decimal(50), margin_call_level_pct=Decimal(100))


def test_a_stop_loss_closes_at_the_touch_and_not_at_its_price() -> None:
    desk = Dealing(1.1, 1.0951, 1.0940)
    placed = desk.buy(stop_loss="1.0950", take_profit="1.2")
    assert not placed.quiet
    assert (desk.position.stop_loss, desk.position.take_profit) == (Decimal("1.0950"), Decimal("1.2"))
    desk.to(2)
    assert len(desk.venue.positions()) == 1
    desk.to(3)
    deal = desk.deals[-1]
    assert (deal.reason, deal.price, deal.entry, deal.stepped) == (
        DealReason.STOP_LOSS,
        Decimal("1.094"),
        DealEntry.OUT,
        True,
    )
    assert (deal.ticket, deal.order_id, deal.position) == (0, "", 1)
    assert deal.profit == Decimal("-62.00")  # 0.0062 x 0.1 x 100,000
    assert desk.venue.positions() == []
    assert desk.venue.quiet


def test_a_take_profit_closes_a_short_at_the_ask() -> None:
    desk = Dealing(1.1, 1.0949, 1.0947)
    desk.sell(take_profit="1.0950", stop_loss="1.2")
    desk.to(2)
    assert len(desk.venue.positions()) == 1
    desk.to(3)
    assert (desk.deals[-1].reason, desk.deals[-1].price) == (DealReason.TAKE_PROFIT, Decimal("1.0949"))


@pytest.mark.parametrize(
    ("bid", "stops", "reason"),
    [
        (1.0940, {"stop_loss": "1.0950"}, DealReason.STOP_LOSS),
        (1.1060, {"take_profit": "1.1050"}, DealReason.TAKE_PROFIT),
        (1.0040, {}, DealReason.STOP_OUT),
    ],
)
def test_a_close_by_the_broker_is_charged_commission(bid: float, stops: dict[str, str], reason: DealReason) -> None:
    """The commission is 3.50 a lot for each deal, by an order or by the broker."""
    profile = FillProfile(name="charging", charges=True, stop_out_level_pct=Decimal(50))
    desk = Dealing(1.1, bid, profile=profile)
    desk.buy("1", **stops)
    desk.to(2)
    assert [(deal.reason, deal.commission) for deal in desk.deals] == [
        (DealReason.CLIENT, Decimal("-3.50")),
        (reason, Decimal("-3.50")),
    ]


def test_a_take_profit_is_never_dealt_worse_than_its_price() -> None:
    """All slippage is far against the client, but a take profit whose price is reached is filled at that price."""
    always = Slippage(against=1.0, against_mean_spreads=50.0, favourable=0.0, favourable_mean_spreads=0.0)
    for seed in range(1, 11):
        slippage = SlippageByType(market=always, stop=always, limit=always)
        desk = Dealing(1.1, 1.1050, profile=FillProfile(name="slipping", slippage=slippage), seed=seed)
        desk.buy(take_profit="1.1050")
        desk.to(2)
        assert (desk.deals[-1].reason, desk.deals[-1].price) == (DealReason.TAKE_PROFIT, Decimal("1.105")), seed


def test_the_position_of_a_pending_order_gets_the_orders_stops() -> None:
    desk = Dealing(1.1, 1.0890, 1.0790)
    desk.buy_limit("1.0900", stop_loss="1.0800", take_profit="1.2")
    desk.to(2)
    assert desk.position.stop_loss == Decimal("1.0800")
    desk.to(3)
    assert desk.deals[-1].reason is DealReason.STOP_LOSS


def test_on_a_netting_account_a_further_order_replaces_only_the_stops_that_it_has() -> None:
    desk = Dealing(1.1)
    desk.buy(stop_loss="1.09", take_profit="1.2")
    desk.buy()
    assert (desk.position.stop_loss, desk.position.take_profit) == (Decimal("1.09"), Decimal("1.2"))
    desk.buy(stop_loss="1.08")
    assert (desk.position.stop_loss, desk.position.take_profit) == (Decimal("1.08"), Decimal("1.2"))
    desk.sell("0.50")
    assert (desk.position.stop_loss, desk.position.take_profit) == (None, None)  # the reversal opened a new position


def test_a_partial_close_keeps_the_stops_of_the_position_whatever_stops_its_order_has() -> None:
    desk = Dealing(1.1, 1.1, 1.1)
    desk.buy("0.30", stop_loss="1.09", take_profit="1.2")
    desk.sell("0.10", stop_loss="1.11", take_profit="1.05")
    assert desk.deals[-1].entry is DealEntry.OUT
    assert (desk.position.stop_loss, desk.position.take_profit) == (Decimal("1.09"), Decimal("1.2"))
    desk.to(3)
    assert desk.position.volume == Decimal("0.20")


def test_a_reversed_position_has_only_the_stops_of_its_order() -> None:
    desk = Dealing(1.1)
    desk.buy("0.10", stop_loss="1.09", take_profit="1.2")
    desk.sell("0.30", stop_loss="1.11")
    assert (desk.position.stop_loss, desk.position.take_profit) == (Decimal("1.11"), None)


def test_a_position_of_a_netting_account_can_be_closed_by_its_ticket() -> None:
    desk = Dealing(1.1)
    desk.buy("0.10")
    assert refusal(desk.sell("0.10", position=2)) == (10036, "UNKNOWN_POSITION")
    closed = desk.sell("0.04", position=1)
    assert (closed.order.status, closed.position, desk.position.volume) == ("FILLED", 1, Decimal("0.06"))


def test_a_reversal_is_one_deal_with_the_ticket_of_the_opened_position() -> None:
    desk = Dealing(1.1)
    desk.buy("0.10")
    desk.sell("0.30")
    deal = desk.deals[-1]
    assert (deal.entry, deal.position, desk.position.ticket) == (DealEntry.INOUT, 2, 2)


# -------------------------------------------------------------------------------------------------------------- hedging


def test_each_order_of_a_hedging_account_opens_a_separate_position() -> None:
    desk = Dealing(1.1, mode=HEDGING)
    desk.buy("0.10")
    desk.sell("0.10")
    desk.buy("0.05")
    assert [(p.ticket, p.side, p.volume, p.order_id) for p in desk.venue.positions()] == [
        (1, "BUY", Decimal("0.10"), "A-1"),
        (2, "SELL", Decimal("0.10"), "A-2"),
        (3, "BUY", Decimal("0.05"), "A-3"),
    ]
    assert [deal.position for deal in desk.deals] == [1, 2, 3]
    assert desk.venue.net_volume("EURUSD") == Decimal("0.05")


def test_orders_with_a_ticket_close_parts_of_that_position_only() -> None:
    desk = Dealing(1.1, 1.2, mode=HEDGING)
    desk.buy("0.10")
    desk.buy("0.10")
    desk.to(2)
    desk.sell("0.04", position=2)
    assert [(p.ticket, p.volume) for p in desk.venue.positions()] == [(1, Decimal("0.10")), (2, Decimal("0.06"))]
    desk.sell("0.06", position=2)
    assert [p.ticket for p in desk.venue.positions()] == [1]
    assert [(d.entry, d.position, d.profit) for d in desk.deals[2:]] == [
        (DealEntry.OUT, 2, Decimal("399.20")),  # 0.0998 x 0.04 x 100,000
        (DealEntry.OUT, 2, Decimal("598.80")),
    ]


def test_the_margin_of_a_hedged_symbol_is_that_of_the_larger_side() -> None:
    desk = Dealing(1.1, mode=HEDGING)
    desk.buy("5")
    before = desk.venue.margin
    assert desk.sell("5").order.status == "FILLED"
    assert desk.venue.margin == before
    assert refusal(desk.buy("5")) == (10019, "NO_MONEY")


# --------------------------------------------------------------------------------------------------------------- nights

MIDNIGHT_NS = (START_NS // (86_400 * SECOND_NS)) * 86_400 * SECOND_NS + 21 * 3_600 * SECOND_NS
"""17:00 in New York on Tuesday, 13 May 2014."""
NIGHT_NS = 86_400 * SECOND_NS


def nights(*, from_night: int = 0) -> Dealing:
    """A desk with a tick half an hour before each of eight midnights, and EURUSD at 1.1."""
    rows = [(MIDNIGHT_NS + (from_night + n) * NIGHT_NS - 1_800 * SECOND_NS, 1.1, 1.1002) for n in range(8)]
    return Dealing(stream=build_stream([some_rows("EURUSD", rows)], accept_crossed=False), profile=CHARGING)


def test_a_swap_is_booked_at_the_first_tick_of_the_next_day() -> None:
    desk = nights()
    desk.buy("1")
    commission = desk.deals[0].commission
    assert commission == Decimal("-3.50")
    desk.to(2)
    swap = desk.deals[1]
    assert (swap.kind, swap.reason, swap.position, swap.stepped) == (DealKind.SWAP, DealReason.ROLLOVER, 1, True)
    assert swap.volume == swap.profit == swap.commission == 0
    assert swap.cash == swap.swap < 0
    assert desk.venue.balance == 10_000 + commission + swap.swap


def test_the_night_after_wednesday_counts_three() -> None:
    """The charged nights follow Tuesday, Wednesday, Thursday, Friday and Monday."""
    desk = nights()
    desk.buy("1")
    desk.to(8)
    notes = [deal.comment for deal in desk.deals if deal.kind is DealKind.SWAP]
    assert notes == ["swap, 1 night", "swap, 3 nights", "swap, 1 night", "swap, 1 night", "swap, 1 night"]
    swaps = [deal.swap for deal in desk.deals if deal.kind is DealKind.SWAP]
    assert abs(swaps[1] - 3 * swaps[0]) <= Decimal("0.02")


def test_the_ideal_profile_charges_nothing_and_stays_quiet() -> None:
    desk = Dealing(stream=nights().stream)
    desk.buy("1")
    assert desk.venue.quiet
    desk.to(8)
    assert [deal.kind for deal in desk.deals] == [DealKind.BUY]
    assert str(desk.deals[0].commission) == "0"


# ------------------------------------------------------------------------------------------------------------- stop-out


def test_a_stop_out_cancels_resting_orders_and_closes_the_largest_loss_until_the_level_is_reached() -> None:
    """With 2 and 5 lots long on a deposit of 10,000, at 1.0900 equity is about 2,860 and margin about 7,630."""
    desk = Dealing(1.1, 1.1, 1.0900, profile=STOPPING, mode=HEDGING)
    desk.buy("2")
    desk.buy("5")
    resting = desk.buy_limit("1.05")
    desk.to(2)
    assert len(desk.venue.positions()) == 2
    desk.to(3)
    ended = desk.now(resting)
    assert (ended.order.status, ended.error_code) == ("CANCELED", "STOPPED_OUT")
    [closed] = [deal for deal in desk.deals if deal.reason is DealReason.STOP_OUT]
    assert (closed.position, closed.volume) == (2, Decimal(5))
    assert [position.ticket for position in desk.venue.positions()] == [1]
    assert desk.venue.order_cursor_at(3) == 1


def test_without_leverage_or_a_stop_out_level_no_position_is_closed() -> None:
    for settings in ({"profile": STOPPING, "leverage": 0}, {}):
        desk = Dealing(1.1, 1.0, **settings)  # type: ignore[arg-type]
        desk.buy("1")
        desk.to(2)
        assert desk.venue.balance == 10_000
        assert desk.venue.quiet


def test_the_realistic_profile_gives_the_same_deals_for_the_same_seed() -> None:
    def played(seed: int) -> list[tuple[Decimal, Decimal]]:
        desk = Dealing(
            stream=a_stream(*(1.1 + n / 1e4 for n in range(60))), profile=REALISTIC, seed=seed, deposit=10**6
        )
        for n in range(1, 40, 2):
            desk.to(n)
            desk.buy("0.50") if n % 4 == 1 else desk.sell("0.50")
        desk.to(60)
        return [(deal.price, deal.volume) for deal in desk.deals]

    assert played(1) == played(1)
    assert played(1) != played(2)


@pytest.mark.parametrize("reopen_at", range(1, 4))
def test_the_stops_of_a_position_are_executed_after_a_restart(reopen_at: int) -> None:
    desk = Dealing(1.1, 1.0951, 1.0940)
    desk.buy(stop_loss="1.0950")
    desk.to(reopen_at)
    desk.venue = desk.opened()
    desk.to(3)
    assert desk.deals[-1].reason is DealReason.STOP_LOSS
    assert desk.deals[-1].ordinal == 3
