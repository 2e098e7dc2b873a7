"""The rule NEWS: reading of a calendar file, and denial of orders around its releases."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import StartError
from services.portfolio.config_files.limits_file import load_limits
from services.portfolio.config_files.news_calendar import read_calendar
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, Limits
from services.portfolio.core.risk.news import Impact, NewsEvent, news_events_between
from services.portfolio.core.risk.types import Denial
from services.portfolio.core.risk.utilization import limit_utilization
from tests.support.builders import START_NS
from tests.unit.portfolio.risk.scenes import MINUTE_NS, NS, an_account, an_order_for, code, denied, only

HEADER = "time,currency,impact,title\n"
PAYROLLS = "2026-01-09T13:30:00Z,USD,high,Nonfarm payrolls\n"
PAYROLLS_NS = 1_767_965_400 * NS


def a_calendar(folder: Path, text: str) -> Path:
    path = folder / "news.csv"
    path.write_text(text)
    return path


def limits_with_a_calendar(folder: Path, calendar: str = HEADER + PAYROLLS, more: str = "") -> Limits:
    a_calendar(folder, calendar)
    path = folder / "limits.toml"
    path.write_text(f'news_calendar = "news.csv"\n{more}')
    return load_limits(str(path))


def an_event(
    at_ns: int = START_NS, currency: str = "USD", impact: Impact = Impact.HIGH, title: str = "CPI"
) -> NewsEvent:
    return NewsEvent(at_ns, currency, impact, title)


def test_the_path_of_a_calendar_is_relative_to_the_limits_file(tmp_path: Path) -> None:
    limits = limits_with_a_calendar(tmp_path, more='news_before_min = 30\nnews_impact_min = "medium"\n')
    assert limits.news_calendar == (NewsEvent(PAYROLLS_NS, "USD", Impact.HIGH, "Nonfarm payrolls"),)
    assert (limits.news_before_min, limits.news_after_min, limits.news_impact_min) == (30, 5, Impact.MEDIUM)


def test_the_name_of_limits_depends_on_the_releases_of_the_calendar_and_not_on_their_notation(tmp_path: Path) -> None:
    more = "2026-01-14T13:30:00+00:00,USD,medium,PPI\n"
    plain = limits_with_a_calendar(tmp_path, HEADER + PAYROLLS + more).name
    reordered = limits_with_a_calendar(
        tmp_path,
        "title, impact, currency, time\nPPI,Medium,USD,2026-01-14T08:30:00-05:00\n\n"
        '"Nonfarm payrolls",HIGH,USD,2026-01-09 13:30+00:00\n',
    ).name
    assert plain == reordered
    assert plain.startswith("news_calendar=sha256-")
    assert plain != limits_with_a_calendar(tmp_path, HEADER + PAYROLLS).name


def test_the_default_limits_have_no_calendar(tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_text('news_calendar = "none"\n')
    assert load_limits(str(path)) is not None
    assert load_limits(str(path)).name == "default"
    assert DEFAULT_LIMITS.news_calendar == ()


@pytest.mark.parametrize(("row", "message"), [
    ("2026-01-09T13:30:00,USD,high,a", "time is '2026-01-09T13:30:00', expected ISO 8601 with its zone"),
    ("9 January,USD,high,a", "time is '9 January', expected ISO 8601 with its zone"),
    ("1960-01-01T00:00:00Z,USD,high,a", "time is '1960-01-01T00:00:00Z', expected ISO 8601"),
    ("2026-01-09T13:30:00Z,usd,high,a", "currency is 'usd', expected a currency's code in capitals"),
    ("2026-01-09T13:30:00Z,USD,huge,a", "impact is 'huge', expected 'low', 'medium' or 'high'"),
    ("2026-01-09T13:30:00Z,USD,high,", "title is '', expected 1 to 120 characters"),
    (f"2026-01-09T13:30:00Z,USD,high,{'a' * 121}", "expected 1 to 120 characters"),
    ("2026-01-09T13:30:00Z,USD,high", "row is '2026-01-09T13:30:00Z,USD,high', expected 4 values"),
    ("2026-01-09T13:30:00Z,USD,high,a,b", "expected 4 values"),
])  # fmt: skip
def test_a_wrong_row_is_reported_with_its_line(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(StartError) as raised:
        limits_with_a_calendar(tmp_path, HEADER + PAYROLLS + row + "\n")
    assert "news.csv, line 3: " in str(raised.value)
    assert message in str(raised.value)


@pytest.mark.parametrize(("text", "message"), [
    ("", "line 1: header is '', expected the columns time,currency,impact,title"),
    ("time,currency,impact\n", "header is 'time,currency,impact'"),
    ("time,currency,impact,title,actual\n", "header is 'time,currency,impact,title,actual'"),
    (HEADER, "has no event"),
    (HEADER + '2026-01-09T13:30:00Z,USD,high,"a\n', "expected CSV"),
])  # fmt: skip
def test_a_file_that_is_no_calendar_prevents_the_start(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(StartError, match="RISK: news_calendar") as raised:
        read_calendar(a_calendar(tmp_path, text))
    assert message in str(raised.value)


def test_a_missing_or_unnamed_calendar_prevents_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="No such file"):
        read_calendar(tmp_path / "other.csv")
    for value in ("1", '""', "[]"):
        (tmp_path / "limits.toml").write_text(f"news_calendar = {value}\n")
        with pytest.raises(StartError, match="expected the path of a CSV file"):
            load_limits(str(tmp_path / "limits.toml"))


@pytest.mark.parametrize(("seconds", "is_denied"), [(-301, False), (-300, True), (0, True), (599, True), (600, False)])
def test_openings_are_denied_from_5_minutes_before_a_release_until_10_minutes_after_it(
    seconds: int, is_denied: bool
) -> None:
    account = an_account(only(news_calendar=(an_event(),), news_before_min=5, news_after_min=10))
    assert (code(an_order_for(), account, START_NS + seconds * NS) == "NEWS") is is_denied


def test_a_denial_names_the_release_and_the_minutes_until_or_since_it() -> None:
    account = an_account(only(news_calendar=(an_event(),)))
    limit = "not 5 minutes before to 5 after high impact"
    until_ns = START_NS + 5 * MINUTE_NS
    for minutes, observed in ((-3, "USD CPI, in 3 minutes"), (2, "USD CPI, 2 minutes ago")):
        denial = denied(an_order_for(), account, START_NS + minutes * MINUTE_NS)
        assert denial == Denial("NEWS", limit, observed, until_ns=until_ns)


def test_a_release_denies_openings_only_in_symbols_of_its_currency() -> None:
    account = an_account(only(news_calendar=(an_event(currency="EUR"),)))
    answers = {
        symbol: code(an_order_for(symbol=symbol), account) for symbol in ("EURUSD", "EURGBP", "GBPUSD", "XAUUSD")
    }
    assert answers == {"EURUSD": "NEWS", "EURGBP": "NEWS", "GBPUSD": None, "XAUUSD": None}


@pytest.mark.parametrize("least", Impact)
def test_a_release_below_the_configured_impact_denies_no_opening(least: Impact) -> None:
    for impact in Impact:
        account = an_account(only(news_calendar=(an_event(impact=impact),), news_impact_min=least))
        assert (code(an_order_for(), account) is None) is (impact.rank < least.rank)


def test_the_relevant_release_is_found_among_others() -> None:
    """The nearer releases are of another currency or of lower impact."""
    events = tuple(
        sorted(
            [
                an_event(START_NS, "JPY"),
                an_event(START_NS + NS, "USD", Impact.LOW),
                an_event(START_NS + 4 * MINUTE_NS, "USD"),
                *(an_event(START_NS + n * 60 * MINUTE_NS, "AUD") for n in range(-50, 50)),
            ]
        )
    )
    denial = denied(an_order_for(), an_account(only(news_calendar=events)))
    assert denial is not None
    assert denial.observed == "USD CPI, in 4 minutes"


def test_the_search_by_time_finds_the_same_events_as_a_scan() -> None:
    events = tuple(an_event(START_NS + n // 3 * NS) for n in range(30))
    for after in range(-2, 12):
        for until in range(after, 12):
            found = list(news_events_between(events, after_ns=START_NS + after * NS, until_ns=START_NS + until * NS))
            assert found == [e for e in events if START_NS + after * NS < e.time_ns <= START_NS + until * NS]


def test_the_risk_view_shows_the_next_release_of_each_traded_currency() -> None:
    events = (an_event(START_NS + MINUTE_NS), an_event(START_NS + 2 * MINUTE_NS), an_event(START_NS + NS, "SEK"))
    shown = limit_utilization(an_account(only(news_calendar=tuple(sorted(events)))), START_NS)
    rows = [row for row in shown if row.code != "FOREIGN_ORDERS"]
    assert [(row.code, row.subject, row.now) for row in rows] == [("NEWS", "USD", "USD CPI, in 1 minutes")]
