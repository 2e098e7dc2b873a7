"""Each page shows the figures of the API: with a desk that trades, and with a replay that has ended.

  python -m pytest tests/browser

takes two to three minutes on two cores; it needs `chromium`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visiting
from tests.browser.desks import SYMBOL, ServedDesk
from tests.browser.shown import (
    agree,
    amount,
    columns,
    facts,
    figures,
    fixed,
    grouped,
    latency,
    lots,
    money,
    percent,
    price,
    side,
    table,
    words,
)
from tests.browser.visits import UNANSWERED, Visit

SHOWN_ROWS = 100
DIGITS = {SYMBOL: 5, "XAUUSD": 2}


@pytest.fixture(params=["busy_desk", "replay"])
def desk(request: pytest.FixtureRequest) -> ServedDesk:
    """A desk that trades, or one that has ended."""
    found: ServedDesk = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def visit(desk: ServedDesk, visiting: Visiting) -> Visit:
    """A visit of the desk."""
    found = visiting(desk)
    if desk.kept:
        found.permit(*UNANSWERED)
    return found


def rows_of(desk: ServedDesk, path: str) -> list[dict[str, Any]]:
    found = desk.read(path)
    return list(found["rows"]) if found else []


def test_desk(desk: ServedDesk, visit: Visit) -> None:
    page = visit.open()
    state = page.locator(".state-large")
    agree(lambda: state.inner_text().partition(" ")[2], lambda: desk.read("/state")["headline"], "the state")
    account = page.locator("desk-account")

    def expected_figures() -> dict[str, str]:
        found = desk.read("/account")
        return {
            "Equity": fixed(found["equity"], 2),
            "Balance": fixed(found["balance"], 2),
            "Open P&L": amount(found["unrealized_pnl"]),
        }

    agree(lambda: figures(account), expected_figures, "the account's figures")

    def expected_facts() -> dict[str, str]:
        found = desk.read("/account")
        level = found["margin_level_pct"]
        return {
            "Margin": fixed(found["margin"], 2),
            "Free margin": fixed(found["free_margin"], 2),
            "Margin level": "–" if level is None else f"{fixed(level)} %",
            "Drawdown": percent(found["drawdown"]),
            "To the halt level": percent(found["drawdown_headroom"]["halt"]),
        }

    agree(lambda: facts(page, "Account"), expected_facts, "the account's facts")
    curve = page.locator("desk-equity desk-chart > .visually-hidden")

    def expected_levels() -> str:
        found = desk.read("/account")
        named = {"peak": found["peak_equity"], "warning": found["limits"]["warn"], "halt": found["limits"]["halt"]}
        return ", ".join(f"{name} {fixed(value, 2)}" for name, value in named.items())

    def shown_levels() -> str:
        return ", ".join(re.findall(r"(?:peak|warning|halt) [\d,]+\.\d\d", curve.inner_text()))

    agree(shown_levels, expected_levels, "the peak and the levels of the drawdown")
    agree(lambda: table(page, "Profit by period"), lambda: profits(desk), "the profit by period")
    agree(
        lambda: re.findall(r"([\d,.]+) USD", page.title()),
        lambda: [profits(desk)[0][1].lstrip("▲▼ +−")],
        "the profit of today in the title",
    )
    counts = page.get_by_role("list", name="Denials by rule").locator("li")
    agree(
        lambda: dict(text.split("\n") for text in counts.all_inner_texts()),
        lambda: denial_counts(desk),
        "the denials",
    )
    card = page.locator("symbol-card").filter(has_text=SYMBOL).first

    def expected_quote() -> list[str]:
        quote = desk.read(f"/quotes/{SYMBOL}")
        return [price(quote["bid"], 5), price(quote["ask"], 5), f"{fixed(quote['spread_points'])} pts"]

    agree(
        lambda: [card.locator(one).inner_text() for one in (".bid", ".ask", ".ask + span")],
        expected_quote,
        "the quote",
    )


def profits(desk: ServedDesk) -> list[list[str]]:
    """The rows of the table of profits; a replay lasts for minutes, so all of its deals are of one day."""
    if desk.kept:
        summary = desk.read("/trades/summary")
        deals = [row for row in rows_of(desk, "/fills?limit=500") if row["kind"] != "BALANCE"]
        change = sum(Decimal(row[part]) for row in deals for part in ("profit", "commission", "swap"))
        of_run = {**summary, "balance_change": change, "other_charges": change - Decimal(summary["net"])}
        found = dict.fromkeys(("today", "week", "month"), of_run)
    else:
        found = desk.read("/pnl")
    parts = ("gross_profit", "gross_loss", "commission", "swap", "other_charges")
    return [
        [
            label,
            amount(found[key]["balance_change"]),
            *(money(found[key][part]) for part in parts),
            fixed(found[key]["trades"]),
        ]
        for key, label in (("today", "Today"), ("week", "Week"), ("month", "Month"))
    ]


def denial_counts(desk: ServedDesk) -> dict[str, str]:
    """The numbers of denials by rule, as text."""
    codes = {row["code"] for row in rows_of(desk, "/denials?limit=500")}
    return {code: fixed(desk.read(f"/denials?code={code}&limit=1")["total"]) for code in codes}


def test_positions(busy_desk: ServedDesk, visiting: Visiting) -> None:
    page = visiting(busy_desk).open()

    def expected() -> list[list[str]]:
        found = busy_desk.read("/positions")
        return [
            [
                symbol,
                "▲ long" if leg["side"] == "BUY" else "▼ short",
                lots(leg["volume"]),
                price(leg["open_price"], DIGITS[symbol]),
                price(leg["stop_loss"], DIGITS[symbol]),
                price(leg["take_profit"], DIGITS[symbol]),
                amount(leg["unrealized_pnl"]),
            ]
            for symbol, position in sorted(found.items())
            for leg in position["legs"]
        ]

    labels = ("Symbol", "Side", "Volume", "Open", "Stop", "Target", "P&L")

    def shown() -> list[list[str]]:
        return [[text.splitlines()[0] for text in row] for row in columns(page, "Open positions", *labels)]

    agree(shown, expected, "the positions")


def test_orders(desk: ServedDesk, visit: Visit) -> None:
    page = visit.open("orders")

    def expected() -> list[list[str]]:
        return [
            [
                str(row["number"]),
                row["symbol"],
                side(row["side"]),
                words(row["type"]),
                lots(row["volume"]),
                price(row["filled_price"] if row["filled_price"] != "0" else None, DIGITS[row["symbol"]]),
                ("" if row["ended_ns"] else "● ") + words(row["status"]),
                money(row["profit"]) if float(row["profit"]) else "–",
                row["cause"],
                row["tag"],
            ]
            for row in rows_of(desk, f"/orders?limit={SHOWN_ROWS}")
        ]

    labels = ("No.", "Symbol", "Side", "Type", "Volume", "Filled at", "Status", "Profit", "Cause", "Tag")
    caption = "Orders, newest first unless sorted otherwise"
    agree(lambda: columns(page, caption, *labels), expected, "the orders")


def test_chain_of_an_order(replay: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(replay)
    visit.permit(*UNANSWERED)
    page = visit.open("orders")
    row = rows_of(replay, "/orders?limit=2")[1]
    page.locator("tbody tr").nth(1).click()
    details = page.get_by_role("region", name="Details")
    expect(details.get_by_role("heading", name=f"Order {row['order_id']}")).to_be_visible()
    expect(details.get_by_text(row["reason"])).to_be_visible()
    expect(details.get_by_role("button", name="Ask again")).to_be_visible()


def test_chain_from_tick_to_fill(busy_desk: ServedDesk, visiting: Visiting) -> None:
    page = visiting(busy_desk).open("orders")
    page.locator("tbody tr").filter(has_text="filled").last.click()
    details = page.get_by_role("region", name="Details")
    heading = details.locator("h2")
    order_id = heading.inner_text().removeprefix("Order ")
    expect(details.locator(".why .summary")).to_be_visible()
    why = busy_desk.read(f"/why/{order_id}")
    expect(details.locator(".why .summary")).to_have_text(why["summary"])
    assert details.locator(".step h3").all_text_contents() == [words(step["name"]) for step in why["steps"]]
    past = [step for step in why["steps"] if step["name"] != "position"]  # the position now is another one a tick later
    given = [value for step in past for value in step["facts"].values()]
    assert details.locator(".step dd").all_text_contents()[: len(given)] == given
    assert given


def test_trades(desk: ServedDesk, visit: Visit) -> None:
    page = visit.open("trades")

    def expected() -> list[list[str]]:
        return [
            [
                str(row["trade"]),
                row["symbol"],
                "▲ long" if row["direction"] == "LONG" else "▼ short",
                lots(row["volume"]),
                price(row["open_price"], DIGITS[row["symbol"]]),
                price(row["close_price"], DIGITS[row["symbol"]]),
                money(row["net"]),
                money(row["profit"]),
                money(row["mae"]),
                money(row["mfe"]),
                row["tag"],
            ]
            for row in rows_of(desk, f"/trades?limit={SHOWN_ROWS}")
        ]

    labels = ("No.", "Symbol", "Side", "Volume", "Open", "Close", "Net", "Profit", "MAE", "MFE", "Tag")
    caption = "Closed trades, newest first unless sorted otherwise"
    agree(lambda: columns(page, caption, *labels), expected, "the trades")

    def expected_sums() -> dict[str, str]:
        found = desk.read("/trades/summary?width=100")
        names = ("Trades", "Net", "Gross profit", "Gross loss", "Commission", "Swap", "Win rate")
        keys = ("net", "gross_profit", "gross_loss", "commission", "swap")
        values = [fixed(found["trades"]), *(money(found[key]) for key in keys)]
        return dict(zip(names, [*values, percent(found["wins"] / found["trades"], 1)], strict=True))

    def shown_sums() -> dict[str, str]:
        shown = figures(page.get_by_role("region", name="Sum of the filtered trades"))
        return {name: value for name, value in shown.items() if name not in ("Profit factor", "Average trade")}

    agree(shown_sums, expected_sums, "the sums of the trades")


def test_risk(desk: ServedDesk, visit: Visit) -> None:
    page = visit.open("risk")

    def expected() -> list[list[str]]:
        return [
            [words(row["code"]) + row["subject"], grouped(row["limit"]), grouped(row["now"]) or "–", row["consequence"]]
            for row in desk.read("/risk")["rows"]
        ]

    labels = ("Rule", "Limit", "Now", "When it is reached")

    def shown() -> list[list[str]]:
        return [*columns(page, "Limits with a present value", *labels), *columns(page, "Limits on each order", *labels)]

    agree(lambda: sorted(shown()), lambda: sorted(expected()), "the rules")
    agree(
        lambda: columns(page, "Limits with a present value", "Headroom"),
        lambda: [[grouped(row["headroom"])] for row in desk.read("/risk")["rows"] if row["headroom"]],
        "the headroom",
    )
    agree(
        lambda: dict(columns(page, "Denials by rule", "Rule", "Denials")),
        lambda: {words(code): count for code, count in denial_counts(desk).items()},
        "the denials",
    )


def test_latency(desk: ServedDesk, visit: Visit) -> None:
    page = visit.open("latency")

    def expected() -> list[list[str]]:
        return [
            [
                fixed(hop["count"]),
                *(latency(hop[name]) if hop["count"] else "–" for name in ("p50_us", "p99_us", "p999_us")),
            ]
            for hop in desk.read("/latency").values()
        ]

    labels = ("Observations", "p50", "p99", "p99.9")
    caption = "Latency of each hop since the start of portfolio"
    agree(lambda: columns(page, caption, *labels), expected, "the latencies")
    assert page.locator(".charts canvas").count() >= len(expected())


def test_model(desk: ServedDesk, visit: Visit) -> None:
    page = visit.open("model")
    for symbol in desk.read("/models"):
        card = page.locator("model-card").filter(has_text=f"{symbol}: ")

        def expected(symbol: str = symbol) -> list[Any]:
            report = desk.read("/models")[symbol]
            decided = sum(report["counts"][name] for name in ("buy", "sell", "hold"))
            return [
                f"{symbol}: {report['strategy']}",
                percent(report["counts"]["hold"] / decided, 1) if decided else "–",
                report["model"] or "a rule without a model",
                report["model_sha256"] or None,
                sorted(report["features"]),
                [percent(value, 1) for value in report["probabilities"].values()],
            ]

        def shown(card: Any = card) -> list[Any]:
            names = card.locator("dl dt").all_inner_texts()
            values = card.locator("dl dd")
            return [
                card.locator("h2").inner_text(),
                figures(card)["Hold rate"],
                values.nth(names.index("Model")).inner_text(),
                values.nth(names.index("SHA-256")).get_attribute("title"),
                sorted(card.locator("tbody tr td:first-child").all_inner_texts()),
                card.locator(".probabilities .meter-text").all_inner_texts(),
            ]

        agree(shown, expected, f"the model of {symbol}")


def test_journal(desk: ServedDesk, visit: Visit) -> None:
    page = visit.open("journal")

    def expected(query: str) -> list[list[str]]:
        return [
            [str(row["number"]), row["symbol"], row["tag"], row["code"], row["text"]]
            for row in rows_of(desk, f"/events?limit={SHOWN_ROWS}{query}")
        ]

    labels = ("No.", "Symbol", "Tag", "Code", "Event")
    caption = "Events of the ledger, newest first"
    agree(lambda: columns(page, caption, *labels), lambda: expected(""), "the events")
    page.get_by_label("Type").select_option("order_denied")
    agree(lambda: columns(page, caption, *labels), lambda: expected("&type=order_denied"), "the denials")
    assert "type=order_denied" in page.url


def test_system(desk: ServedDesk, visit: Visit) -> None:
    page = visit.open("system")
    agree(
        lambda: columns(page, "Processes", "Process", "PID"),
        lambda: [[row["name"], str(row["pid"])] for row in desk.read("/processes")],
        "the processes",
    )

    def expected() -> dict[str, str]:
        found = desk.read("/system")
        return {"Events": fixed(found["ledger"]["events"]), "Head": "signed" if found["ledger"]["signed"] else "not"}

    def shown() -> dict[str, str]:
        return {name: value for name, value in facts(page, "Ledger").items() if name in ("Events", "Head")}

    agree(shown, expected, "the ledger")
    agree(lambda: facts(page, "Versions"), lambda: versions(desk), "the versions")


def versions(desk: ServedDesk) -> dict[str, str]:
    """The versions, with a dash for what is not known."""
    return {name: value or "–" for name, value in desk.read("/system")["versions"].items()}


def test_an_ended_replay_is_marked(replay: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(replay)
    visit.permit(*UNANSWERED)
    page = visit.open()
    for name in ("Trading", "Positions", "Equity and drawdown"):
        expect(page.get_by_role("region", name=name, exact=True).locator(".silent")).to_contain_text("⚠ portfolio")
    expect(page.locator("symbol-card .quote-age")).to_contain_text("⚠")
    expect(page.locator(".stale-bar")).to_be_hidden()
    expect(page.locator(".head .clock")).to_contain_text("⚠")
    visit.go("risk")
    expect(page.locator(".risk-state")).not_to_be_empty()
    before = "getComputedStyle(document.querySelector('.risk-state'), '::before').content"
    agree(lambda: page.evaluate(before), lambda: '"last known"', "the mark of the trading state")
    visit.go("system")
    expect(page.get_by_role("region", name="Processes", exact=True).locator(".silent")).to_be_hidden()
