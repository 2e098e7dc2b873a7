"""Checks of history, positions and balance, also after a restart of the gateway."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from proto.gateway import DealKind, OrderReplyStatus
from proto.trading.units import round_money
from verification.conformance.client import ConformanceClient
from verification.conformance.registry import CheckRegistry, Skip, expect

check = CheckRegistry()
TRIES_MAX = 50
RESTART_S = 60.0


@check
def history_is_the_same_in_pages(client: ConformanceClient) -> None:
    """Orders and deals are the same in small pages as in one page, and deals are numbered from 1 without a gap."""
    for rows, in_pages in ((client.orders(), client.orders(limit=7)), (client.deals(), client.deals(limit=7))):
        expect(rows == in_pages, f"{len(rows)} rows at once and {len(in_pages)} rows in pages are not the same")
    numbers = [deal.deal for deal in client.deals()]
    expect(numbers == list(range(1, len(numbers) + 1)), f"the numbers of {len(numbers)} deals have a gap")
    middle = len(numbers) // 2
    expect(client.deals(after=middle) == client.deals()[middle:], f"deals after {middle} differ")


@check
def positions_are_the_sum_of_the_deals(client: ConformanceClient) -> None:
    """For each symbol the signed volumes of all deals add up to the open positions."""
    client.open_position()
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for deal in client.deals():
        if deal.kind.is_trade:
            sums[deal.symbol] += deal.volume if deal.kind is DealKind.BUY else -deal.volume
    for position in client.positions():
        held[position.symbol] += position.side.sign * position.volume
    symbols = sorted({*sums, *held})
    wrong = {symbol: (sums[symbol], held[symbol]) for symbol in symbols if sums[symbol] != held[symbol]}
    expect(not wrong, f"deals and positions by symbol: {wrong}")


@check
def the_balance_is_the_sum_of_the_deals(client: ConformanceClient) -> None:
    """Profit, commission and swap of all deals add up to the balance."""
    account = client.account()
    cash = sum((deal.cash for deal in client.deals()), Decimal(0))
    expect(cash == account.balance, f"deals of {cash}, a balance of {account.balance} {account.currency}")


@check
def equity_is_balance_and_open_profit(client: ConformanceClient) -> None:
    """Between two ticks, equity equals balance plus open profit plus open swap, to the last digit."""
    client.open_position()
    seen = ""
    for _ in range(TRIES_MAX):
        before, positions, after = client.account(), client.positions(), client.account()
        profits = [position.profit for position in positions]
        if before.equity != after.equity or after.equity is None or None in profits:
            continue
        open_profit = sum((profit for profit in profits if profit is not None), Decimal(0))
        swap = sum((position.swap for position in positions), Decimal(0))
        total = round_money(after.balance + open_profit + swap, after.currency_digits)
        if total == after.equity:
            return
        seen = f"balance {after.balance}, profit {open_profit}, swap {swap}, equity {after.equity}"
    raise AssertionError(seen or "the account changed between any two requests, or could not be valued")


@check
def a_restart_loses_nothing(client: ConformanceClient) -> None:
    """After a restart the boot id is new, and journal, stream, orders, deals and positions are unchanged.

    Raises:
        Skip: the client cannot restart the gateway.
    """
    if client.restart is None:
        raise Skip("the gateway is not restarted; use `--restart`, and restart the gateway at the prompt")
    order = client.new_order()
    reply = client.place_until_filled(order)
    known = client.status(order.order_id)
    before = (client.hello(), client.orders(), client.deals(), [held.ticket for held in client.positions()])
    client.restart()

    def answered() -> bool:
        try:
            return client.hello().boot_id != before[0].boot_id and client.account().status == "OK"
        except AssertionError:
            return False

    expect(client.poll_until(answered, bool, seconds=RESTART_S), f"no new boot id within {RESTART_S:g} s")
    after = (client.hello(), client.orders(), client.deals(), [held.ticket for held in client.positions()])
    expect(after[0].journal_id == before[0].journal_id, "the journal changed")
    expect(after[0].stream_id == before[0].stream_id, "the stream of ticks changed")
    expect(after[0].published >= before[0].published, f"tick {after[0].published} after {before[0].published}")
    orders = [(row.ticket, row.order_id, row.status, row.filled_volume) for row in before[1]]
    now = {row.ticket: (row.ticket, row.order_id, row.status, row.filled_volume) for row in after[1]}
    expect(all(now.get(row[0]) == row for row in orders), "an order changed")
    expect(after[2][: len(before[2])] == before[2], "a deal changed")
    expect(set(before[3]) <= set(after[3]), "a position is gone")
    again = client.place(order)
    actual = (again.status, again.ticket, again.deal)
    expect(actual == (reply.status, reply.ticket, reply.deal), f"the repeated order: {actual}, the first time {known}")
    expect(again.status == OrderReplyStatus.FILLED, f"replied {again.status}")
