"""Values of the cells of the desk, made from portfolio's replies."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from proto.control import StatusReply, TradingState
from proto.control.conditions import condition
from proto.control.views import AccountView
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.queries.views import account_view
from services.web.api.schemas import DrawdownLimits
from services.web.desk.account_terms import NO_TERMS, AccountTerms
from services.web.desk.desk_views import account_state, market_view, state_view
from tests.support.builders import a_book, an_opened_stream, plain_terms
from tests.support.market import FixedQuotes, utc_ns
from tests.support.status_replies import a_status_reply

NOON_NS = utc_ns("2026-01-07 12:00")
TERMS = AccountTerms(an_opened_stream(leverage=100), None, {"EURUSD": plain_terms()})


def a_status(**changed: Any) -> StatusReply:
    fields: dict[str, Any] = {
        "ordinal": 1,
        "processed": 1,
        "balance": Decimal(10_000),
        "equity": Decimal(9_500),
        "unrealized_pnl": Decimal(-500),
        "venue_time_ns": NOON_NS,
        "symbols": ["EURUSD"],
    }
    return a_status_reply(**{**fields, **changed})


def an_account(equity: str = "9500") -> AccountView:
    found = account_view(a_book(), TickCursor(), None)
    return type(found)(**{name: getattr(found, name) for name in found.__struct_fields__} | {"equity": Decimal(equity)})


def test_the_state_shows_each_condition_with_its_meaning_and_the_gravest_first() -> None:
    halted = condition("STORAGE", "the disk is full")
    warning = condition("DRAWDOWN_WARNING", "drawdown 5 %")
    view = state_view(
        a_status(conditions=[warning, halted], trading_state=TradingState.HALTED), TERMS, watched=("USDJPY",)
    )
    assert [one.code for one in view.conditions] == ["STORAGE", "DRAWDOWN_WARNING"]
    assert [one.code for one in view.causes] == ["STORAGE"]
    assert view.causes[0].action.startswith("Free or repair the disk")
    assert (view.account, view.currency_digits, view.watched) == ("paper-USD", 2, ["USDJPY"])
    assert (view.utc_offset_s, view.next_rollover_ns) == (7_200, utc_ns("2026-01-07 22:00"))


@pytest.mark.parametrize(
    ("codes", "headline"),
    [
        ([], "TRADING"),
        ([("NO_TICKS", "EURUSD")], "PARTLY TRADING"),
        ([("NO_TICKS", "EURUSD"), ("BREAKER_OPEN", "GBPUSD")], "NOT TRADING"),
        ([("LEASE_MISSING", "")], "REDUCE ONLY"),
        ([("FEED_STALE", "")], "HALTED"),
        ([("RECONCILING", "")], "RECONCILING"),
    ],
)
def test_the_headline_shows_what_the_trading_state_alone_does_not(codes: list[tuple[str, str]], headline: str) -> None:
    """The trading state is ACTIVE in each case."""
    conditions = [condition(code, "", subject=subject) for code, subject in codes]
    view = state_view(a_status(conditions=conditions, symbols=["EURUSD", "GBPUSD"]), TERMS, watched=())
    assert view.trading_state is TradingState.ACTIVE
    assert view.headline == headline


def test_the_state_of_a_desk_that_has_no_account_yet() -> None:
    view = state_view(a_status(venue_time_ns=0), NO_TERMS, watched=())
    assert (view.account, view.account_mode, view.next_rollover_ns) == (None, None, 0)


def test_the_account_has_the_levels_of_the_drawdown_in_money() -> None:
    status = a_status(
        drawdown=0.05,
        drawdown_headroom={"warn": -0.01, "halt": 0.05},
        drawdown_peak=Decimal("10000.01"),
        drawdown_levels={"warn": Decimal("9600.00"), "halt": Decimal("9000.00")},
    )
    account = account_state(an_account(), status)
    assert (account.peak_equity, account.limits) == (
        Decimal("10000.01"),
        DrawdownLimits(warn=Decimal("9600.00"), reduce=None, halt=Decimal("9000.00")),
    )
    unknown = account_state(an_account(), a_status())
    assert (unknown.peak_equity, unknown.limits) == (None, DrawdownLimits(warn=None, reduce=None, halt=None))


def test_a_market_has_its_terms_and_the_margin_of_a_lot() -> None:
    quotes = FixedQuotes(EURUSD=("1.10000", "1.10010"))
    view = market_view(plain_terms(), TERMS, quotes, NOON_NS)
    assert (view.description, view.digits, view.point) == ("EUR/USD", 5, Decimal("0.00001"))
    assert view.margin_per_lot == Decimal("1100.10"), "100,000 EUR at the ask, divided by the leverage"
    assert view.is_open is True


def test_a_market_without_a_time_is_neither_open_nor_closed() -> None:
    view = market_view(plain_terms(), NO_TERMS, FixedQuotes(), 0)
    assert (view.is_open, view.closes_ns, view.margin_per_lot) == (None, 0, None)
