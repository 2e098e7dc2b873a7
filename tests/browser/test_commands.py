"""Commands of the page, and the state of portfolio and ledger after each, with a desk without other orders."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from common.control_client import ControlClient
from proto.control import StatusQuery, StatusReply
from research import ledger_views
from tests.browser.conftest import Visiting
from tests.browser.desks import SYMBOL, HandDesk, serves
from tests.browser.visits import LOST, SHOWN_S, UNANSWERED, Visit
from tests.support.waits import wait_for

REASON = "a reason of a test"
TRAILED = {"symbol": SYMBOL, "side": "BUY", "volume": "0.01", "stop_loss": "1.2", "trailing_stop_points": 20_000}


@pytest.fixture
def visit(hand_desk: HandDesk, visiting: Visiting) -> Visit:
    """A visit of the desk."""
    return visiting(hand_desk.served)


def trading_state(desk: HandDesk) -> str:
    """Portfolio's reply; empty without one."""
    with ControlClient(desk.processes.control_url) as client:
        status = client.request(StatusQuery(), StatusReply, timeout_s=2.0)
    return "" if status is None else str(status.trading_state)


def wait_for_state(desk: HandDesk, wanted: str) -> None:
    wait_for(lambda: trading_state(desk) == wanted, f"portfolio to be {wanted}", seconds=SHOWN_S)


def order(desk: HandDesk, order_id: str) -> dict[str, Any]:
    """An order of the ledger."""
    [found] = [row for row in ledger_views.orders(desk.served.data_dir) if row["order_id"] == order_id]
    return found


def net_volume(desk: HandDesk) -> Decimal:
    """The position in portfolio's reply."""
    position = (desk.served.read("/positions") or {}).get(SYMBOL)
    return Decimal(position["net_volume"]) if position else Decimal(0)


def wait_for_volume(desk: HandDesk, wanted: str) -> None:
    wait_for(lambda: net_volume(desk) == Decimal(wanted), f"a position of {wanted}", seconds=SHOWN_S)


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def placed(page: Page) -> str:
    """The id of the order that the ticket reports."""
    answer = page.locator("order-ticket .answer")
    expect(answer).to_contain_text("Accepted: order ")
    return answer.inner_text().removeprefix("Accepted: order ")


def fill_ticket(page: Page, *, kind: str, side: str, volume: str, **prices: str) -> None:
    ticket = page.locator("order-ticket")
    ticket.get_by_label("Symbol").select_option(SYMBOL)
    ticket.get_by_role("button", name=kind, exact=True).click()
    ticket.get_by_role("button", name=side).first.click()
    ticket.get_by_label("Volume in lots").fill(volume)
    for label, price in prices.items():
        ticket.get_by_label(label.replace("_", " ").capitalize()).fill(price)
    ticket.get_by_label("Reason").fill(REASON)
    ticket.locator(".send").click()


def position(page: Page) -> Locator:
    return page.locator("desk-positions tbody tr").filter(has_text=SYMBOL)


def test_halt_and_resume(hand_desk: HandDesk, visit: Visit) -> None:
    page = visit.open()
    state = page.locator(".state-large")
    expect(state).to_have_text("● TRADING")
    page.get_by_role("button", name="■ Halt").click()
    dialog(page).get_by_role("button", name="Cancel").click()
    expect(dialog(page)).to_be_hidden()
    assert trading_state(hand_desk) == "ACTIVE"
    page.get_by_role("button", name="■ Halt").click()
    dialog(page).get_by_role("button", name="Halt").click()
    expect(state).to_have_text("■ HALTED")
    assert trading_state(hand_desk) == "HALTED"
    expect(page.locator("#icon")).to_have_attribute("href", "icons/halted.svg")
    expect(page.get_by_role("button", name="■ Halt")).to_be_disabled()

    page.get_by_role("button", name="▶ Resume").click()
    reason = dialog(page).get_by_label("Reason")
    expect(reason).to_have_value("")
    dialog(page).get_by_role("button", name="Resume").click()
    expect(reason).to_be_focused()
    reason.fill("   ")
    dialog(page).get_by_role("button", name="Resume").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("The reason is empty")
    assert trading_state(hand_desk) == "HALTED"
    reason.fill(REASON)
    dialog(page).get_by_role("button", name="Resume").click()
    expect(state).to_have_text("● TRADING")
    assert trading_state(hand_desk) == "ACTIVE"
    visit.go("journal")
    event = page.locator("tbody tr").filter(has_text="ACTIVE").first
    expect(event).to_contain_text(REASON)
    expect(event).to_contain_text("trading state")


def test_reduce_only_denies_an_order_with_the_numbers_of_the_rule(hand_desk: HandDesk, visit: Visit) -> None:
    visit.permit("status of 422")
    page = visit.open()
    page.get_by_role("button", name="▼ Reduce only").click()
    dialog(page).get_by_role("button", name="Reduce only").click()
    wait_for_state(hand_desk, "REDUCE_ONLY")
    fill_ticket(page, kind="Market", side="▲ Buy", volume="0.01")
    expect(page.locator("order-ticket .answer")).to_contain_text(
        re.compile("denied by REDUCE_ONLY: 0.01 lots, limit 0 lots", re.I)
    )
    expect(page.get_by_role("log", name="Latest denials")).to_contain_text("REDUCE_ONLY")
    assert net_volume(hand_desk) == 0
    page.get_by_role("button", name="▶ Resume").click()
    dialog(page).get_by_label("Reason").fill(REASON)
    dialog(page).get_by_role("button", name="Resume").click()
    wait_for_state(hand_desk, "ACTIVE")


def test_order_stops_close_part_and_flatten(hand_desk: HandDesk, visit: Visit) -> None:
    page = visit.open()
    fill_ticket(page, kind="Market", side="▲ Buy", volume="0.03", stop_loss="1.2", take_profit="1.6")
    order_id = placed(page)
    made = order(hand_desk, order_id)
    assert (made["side"], Decimal(made["volume"]), made["reason"]) == ("BUY", Decimal("0.03"), f"[MANUAL] {REASON}")
    wait_for_volume(hand_desk, "0.03")
    row = position(page)
    expect(row).to_contain_text("0.03")
    expect(row).to_contain_text("1.20000")

    row.get_by_role("button", name="Stops").click()
    dialog(page).get_by_label("Stop loss").fill("1.25")
    dialog(page).get_by_label("Take profit").fill("")
    dialog(page).get_by_role("button", name="Change").click()
    expect(row).to_contain_text("1.25000")
    [leg] = hand_desk.served.read("/positions")[SYMBOL]["legs"]
    assert (leg["stop_loss"], leg["take_profit"]) == ("1.25", None)

    row.get_by_role("button", name="Part").click()
    dialog(page).get_by_label("Volume in lots").fill("0.01")
    dialog(page).get_by_role("button", name="Close part").click()
    wait_for_volume(hand_desk, "0.02")
    expect(row).to_contain_text("0.02")

    page.get_by_role("button", name="⇥ Flatten").click()
    dialog(page).get_by_role("button", name="Flatten").click()
    expect(position(page)).to_have_count(0)
    assert net_volume(hand_desk) == 0
    assert trading_state(hand_desk) == "HALTED"
    page.get_by_role("button", name="▶ Resume").click()
    dialog(page).get_by_label("Reason").fill(REASON)
    dialog(page).get_by_role("button", name="Resume").click()
    wait_for_state(hand_desk, "ACTIVE")


def test_a_new_target_keeps_a_stop_that_moved_while_the_dialog_was_open(hand_desk: HandDesk, visit: Visit) -> None:
    assert hand_desk.command("order", **TRAILED).is_success
    page = visit.open()
    position(page).get_by_role("button", name="Stops").click()
    expect(dialog(page)).to_contain_text("A new stop loss ends the trailing stop.")
    assert hand_desk.command("modify", symbol=SYMBOL, stop_loss="1.21").is_success
    expect(dialog(page).get_by_label("Stop loss")).to_have_value("1.20000")
    dialog(page).get_by_label("Take profit").fill("1.7")
    dialog(page).get_by_role("button", name="Change").click()
    expect(position(page)).to_contain_text("1.70000")
    [leg] = hand_desk.served.read("/positions")[SYMBOL]["legs"]
    assert (leg["stop_loss"], leg["take_profit"]) == ("1.21", "1.7")


def test_a_new_target_keeps_the_trailing_stop_and_a_new_stop_ends_it(hand_desk: HandDesk, visit: Visit) -> None:
    assert hand_desk.command("order", **TRAILED).is_success
    page = visit.open()
    position(page).get_by_role("button", name="Stops").click()
    dialog(page).get_by_label("Take profit").fill("1.7")
    dialog(page).get_by_role("button", name="Change").click()
    expect(position(page)).to_contain_text("1.70000")
    [leg] = hand_desk.served.read("/positions")[SYMBOL]["legs"]
    assert (leg["take_profit"], leg["trailing_stop_points"]) == ("1.7", 20_000)
    position(page).get_by_role("button", name="Stops").click()
    dialog(page).get_by_label("Stop loss").fill("1.1")
    dialog(page).get_by_role("button", name="Change").click()
    expect(position(page)).to_contain_text("1.10000")
    [leg] = hand_desk.served.read("/positions")[SYMBOL]["legs"]
    assert (leg["stop_loss"], leg["take_profit"], leg["trailing_stop_points"]) == ("1.1", "1.7", 0)
    position(page).get_by_role("button", name="Stops").click()
    expect(dialog(page)).not_to_contain_text("trailing")


def test_modify_and_cancel_a_resting_order(hand_desk: HandDesk, visit: Visit) -> None:
    page = visit.open()
    fill_ticket(page, kind="Limit", side="▲ Buy", volume="0.01", price="1,1")
    order_id = placed(page)
    page.get_by_label("Stop loss").fill("1.05")
    expect(page.locator("order-ticket")).to_contain_text("5,000 points from the entry")
    visit.go("orders")
    page.locator("tbody tr").filter(has_text="1.10000").click()
    details = page.get_by_role("region", name="Details")
    details.get_by_role("button", name="Modify …").click()
    dialog(page).get_by_label("Price").fill("1.15")
    dialog(page).get_by_label("Stop loss").fill("1.05")
    dialog(page).get_by_label("Reason").fill(REASON)
    dialog(page).get_by_role("button", name="Modify the order").click()
    expect(page.locator("tbody tr").first).to_contain_text("1.15000")
    changed = hand_desk.served.read(f"/orders/{order_id}")
    assert (changed["limit_price"], changed["stop_loss"], changed["status"]) == ("1.15", "1.05", "ACCEPTED")

    details.get_by_role("button", name="Cancel order …").click()
    dialog(page).get_by_label("Reason").fill(REASON)
    dialog(page).get_by_role("button", name="Cancel the order").click()
    expect(page.locator("tbody tr").first).to_contain_text("canceled")
    assert order(hand_desk, order_id)["status"] == "CANCELED"
    expect(details.get_by_role("button", name="Cancel order …")).to_be_hidden()


def test_an_order_whose_reply_a_proxy_lost_is_placed_once(hand_desk: HandDesk, visit: Visit) -> None:
    visit.permit(r"status of 502")
    page = visit.open()

    def lose_reply(route: Route) -> None:
        assert route.fetch().ok, "the order is placed"
        route.fulfill(status=502, body="Bad Gateway")

    page.route("**/commands/order", lose_reply)
    fill_ticket(page, kind="Market", side="▲ Buy", volume="0.01")
    expect(page.locator("order-ticket .answer")).to_contain_text("The order may have been placed")
    page.unroute("**/commands/order")
    page.get_by_role("button", name="Repeat the order").click()
    order_id = placed(page)
    wait_for_volume(hand_desk, "0.01")
    assert hand_desk.served.read("/orders?limit=1")["rows"][0]["order_id"] == order_id


def test_a_command_without_a_reply_is_repeated_with_its_key(hand_desk: HandDesk, visit: Visit) -> None:
    visit.permit(*UNANSWERED, *LOST)
    page = visit.open()
    keys = list[str]()
    page.on("request", lambda sent: keys.append(sent.headers["idempotency-key"]) if sent.method == "POST" else None)
    hand_desk.processes.kill("portfolio")
    page.get_by_role("button", name="■ Halt").click()
    dialog(page).get_by_role("button", name="Halt").click()
    answer = dialog(page).get_by_role("alert")
    expect(answer).to_contain_text("The command may have been carried out")
    hand_desk.processes.start("portfolio")
    wait_for_state(hand_desk, "ACTIVE")
    dialog(page).get_by_role("button", name="Repeat").click()
    expect(page.locator(".state-large")).to_have_text("■ HALTED")
    assert trading_state(hand_desk) == "HALTED"
    assert len(keys) == 2
    assert len(set(keys)) == 1
    page.get_by_role("button", name="▶ Resume").click()
    dialog(page).get_by_label("Reason").fill(REASON)
    dialog(page).get_by_role("button", name="Resume").click()
    wait_for_state(hand_desk, "ACTIVE")


def test_a_halt_is_sent_while_the_state_is_not_known(hand_desk: HandDesk, visit: Visit) -> None:
    visit.permit(*UNANSWERED, *LOST)
    for name in ("portfolio", "web"):
        hand_desk.processes.kill(name)
    hand_desk.processes.start("web")
    wait_for(lambda: serves(hand_desk.served.url), "the page to be served", seconds=SHOWN_S)
    page = visit.open()
    expect(page.locator("head-line")).to_contain_text("? not known")
    page.get_by_role("button", name="■ Halt").click()
    dialog(page).get_by_role("button", name="Halt").click()
    expect(dialog(page).get_by_role("alert")).to_contain_text("The command may have been carried out")
    hand_desk.processes.start("portfolio")
    wait_for_state(hand_desk, "ACTIVE")
    dialog(page).get_by_role("button", name="Repeat").click()
    expect(page.locator(".state-large")).to_have_text("■ HALTED")
    assert trading_state(hand_desk) == "HALTED"
