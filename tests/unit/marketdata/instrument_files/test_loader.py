"""A symbol with incomplete or contradictory terms in an instrument file is refused when it is used.

The error names the file, the symbol and the field.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from common.errors import StartError
from marketdata.instrument_files.loader import CATALOGUE, load_instruments, shipped_files
from marketdata.instrument_files.writer import instruments_text
from proto.trading.enums import CalculationMode, GtcMode, SwapMode
from proto.trading.instrument import HOLIDAYS_MAX, ROWS_MAX, SESSIONS_MAX, CommissionTerms, Instrument, SwapTerms
from proto.trading.units import MAX_FRAME_BYTES
from tests.support.builders import an_instrument
from tests.support.market import utc_ns

D = Decimal

DE40 = """
[DE40]
broker = "a broker"
digits = 1
tick_size = 0.5
contract_size = 25
volume_min = 0.1
volume_max = 50
volume_step = 0.1
base_currency = "EUR"
profit_currency = "EUR"
margin_currency = "EUR"
calculation_mode = "CFD"
margin_rates_long = [0.05, 0.04]
margin_rates_short = [0.05, 0.05]
margin_hedged = 0
swap_weekdays = [1, 1, 1, 1, 3, 0, 0]
clock = "Europe/Berlin"
trade_sessions = ["Mon-Fri 08:00-22:00"]
stops_level = 10
freeze_level = 5
filling = ["FOK", "IOC"]
swap = { mode = "INTEREST_CURRENT", long = -6.5, short = 1.25 }
commission = { per_lot = 2.5, currency = "USD" }
"""


def written(folder: Path, text: str = DE40) -> str:
    path = folder / "terms.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def without(field: str) -> str:
    return "\n".join(line for line in DE40.splitlines() if line.partition(" ")[0] != field)


def with_value(field: str, value: str) -> str:
    return f"{without(field)}\n{field} = {value}\n"


def test_every_field_is_read_as_written(tmp_path: Path) -> None:
    more = """
volume_limit = 20
margin_initial = 900
margin_maintenance = 700
tick_price = 12.5
quote_sessions = ["Mon-Fri 07:00-23:00"]
holidays = [2025-12-25, ["2025-12-24 14:00", "2025-12-25 00:00"]]
expires = "2026-03-20 22:00"
gtc_mode = "DAILY_EXCLUDING_STOPS"
"""
    day = 24 * 60
    assert load_instruments(written(tmp_path, DE40 + more)).require("DE40") == Instrument(
        symbol="DE40",
        base_currency="EUR",
        profit_currency="EUR",
        margin_currency="EUR",
        digits=1,
        tick_size=D("0.5"),
        tick_price=D("12.5"),
        contract_size=D(25),
        volume_min=D("0.1"),
        volume_max=D(50),
        volume_step=D("0.1"),
        volume_limit=D(20),
        calculation_mode=CalculationMode.CFD,
        margin_initial=D(900),
        margin_maintenance=D(700),
        margin_rates_long=(D("0.05"), D("0.04")),
        margin_rates_short=(D("0.05"), D("0.05")),
        margin_hedged=D(0),
        swaps=(SwapTerms(None, SwapMode.INTEREST_CURRENT, D("-6.5"), D("1.25")),),
        swap_weekdays=(D(1), D(1), D(1), D(1), D(3), D(0), D(0)),
        commissions=(CommissionTerms(None, D("2.5"), "USD"),),
        clock="Europe/Berlin",
        sessions=tuple((n * day + 8 * 60, n * day + 22 * 60) for n in range(5)),
        quote_sessions=tuple((n * day + 7 * 60, n * day + 23 * 60) for n in range(5)),
        holidays=(
            (utc_ns("2025-12-24 13:00"), utc_ns("2025-12-24 23:00")),
            (utc_ns("2025-12-24 23:00"), utc_ns("2025-12-25 23:00")),
        ),
        expires_ns=utc_ns("2026-03-20 21:00"),
        stops_level_points=10,
        freeze_level_points=5,
        filling=("FOK", "IOC"),
        gtc_mode=GtcMode.DAILY_EXCLUDING_STOPS,
    )


def test_optional_fields_have_no_effect_by_default(tmp_path: Path) -> None:
    terms = load_instruments(written(tmp_path)).require("DE40")
    assert (terms.volume_limit, terms.tick_price, terms.margin_initial, terms.expires_ns) == (0, 0, 0, 0)  # type: ignore[comparison-overlap]
    assert (terms.holidays, terms.quote_sessions, terms.gtc_mode) == ((), (), GtcMode.GTC)


def test_dated_rows_begin_on_their_days_and_adjacent_sessions_are_joined(tmp_path: Path) -> None:
    text = (
        without("swap").replace("commission = {", "# {").replace('["Mon-Fri 08:00-22:00"]', '["Mon-Sun 00:00-24:00"]')
    )
    text += """
[[DE40.swap]]
mode = "POINTS"
long = -1
short = 2

[[DE40.swap]]
from = 2025-02-01
mode = "DISABLED"

[[DE40.commission]]
per_lot = 0

[[DE40.commission]]
from = "2025-03-01"
per_lot = 3
"""
    terms = load_instruments(written(tmp_path, text)).require("DE40")
    assert terms.swaps == (
        SwapTerms(None, SwapMode.POINTS, D(-1), D(2)),
        SwapTerms(date(2025, 2, 1), SwapMode.DISABLED),
    )
    assert terms.commissions == (CommissionTerms(), CommissionTerms(date(2025, 3, 1), D(3)))
    assert terms.sessions == ((0, 7 * 24 * 60),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (without("digits"), "digits is missing, expected a whole number from 0 to 10"),
        (without("swap"), "swap is missing, expected a table with mode, long and short, or a list of such"),
        (with_value("digits", "1.5"), "digits is 1.5, expected a whole number from 0 to 10"),
        (with_value("digits", "true"), "digits is True, expected a whole number"),
        (with_value("tick_size", "0"), "tick_size is 0, expected a number above 0"),
        (with_value("tick_size", "nan"), "tick_size is NaN, expected a number of 0 or more"),
        (with_value("tick_size", '"0.5"'), "tick_size is '0.5', expected a number of 0 or more"),
        (with_value("tick_size", "0.25"), "tick_size is 0.25, expected a multiple of the point, 0.1"),
        (with_value("volume_min", "0.25"), "volume_min is 0.25, expected a multiple of volume_step, 0.1"),
        (with_value("volume_max", "0.05"), "volume_max is 0.05, expected at least volume_min, 0.1"),
        (with_value("volume_max", "0.15"), "volume_max is 0.15, expected a multiple of volume_step, 0.1"),
        (
            with_value("contract_size", "1e30"),
            "contract_size is 1E+30, expected a number of 0 or more, of at most 28 digits",
        ),
        (with_value("volume_min", "60"), "volume_max is 50, expected at least volume_min, 60"),
        (DE40 + "volume_limit = 0.05", "volume_limit is 0.05, expected 0 for none, or at least 0.1"),
        (with_value("base_currency", '"eur"'), "base_currency is 'eur', expected 3 to 8 capital letters"),
        (
            with_value("calculation_mode", '"FOREX"'),
            "base_currency is EUR, expected a currency other than profit_currency",
        ),
        (with_value("calculation_mode", '"EXCH_BONDS"'), "calculation_mode is 'EXCH_BONDS', expected one of FOREX, "),
        (
            with_value("base_currency", '"USD"'),
            "calculation_mode is CFD, expected FOREX, because USD and EUR are currencies",
        ),
        (with_value("margin_currency", '"USD"'), "margin_currency is USD, expected profit_currency, EUR, in mode CFD"),
        (with_value("calculation_mode", '"FUTURES"'), "tick_price is 0, expected more than 0 in mode"),
        (with_value("calculation_mode", '"CFD_INDEX"'), "tick_price is 0, expected more than 0 in mode"),
        (
            with_value("calculation_mode", '"FUTURES"') + "tick_price = 12.5",
            "margin_initial is 0, expected more than 0",
        ),
        (DE40 + "tick_price = 1", "tick_price is 1, expected 12.5, tick_size x contract_size, or none in mode CFD"),
        (DE40 + "margin_maintenance = 7", "margin_initial is 0, expected more than 0 if margin_maintenance is above 0"),
        (with_value("margin_rates_long", "[1]"), "margin_rates_long is [1], expected two numbers of 0 or more"),
        (with_value("margin_hedged", '"half"'), "margin_hedged is 'half', expected a number of 0 or more"),
        (with_value("swap_weekdays", "[1, 1, 1]"), "swap_weekdays is [1, 1, 1], expected seven numbers"),
        (with_value("swap_weekdays", "[0, 0, 0, 0, 0, 0, 0]"), "swap_weekdays is 0 on every day, expected more than 0"),
        (
            with_value("swap", '{ mode = "REOPEN_BID", long = 1, short = 1 }'),
            "swap, mode is 'REOPEN_BID', expected one of",
        ),
        (with_value("swap", '{ mode = "POINTS", long = 1 }'), "swap, short is missing, expected a number"),
        (
            with_value("swap", '{ mode = "POINTS", long = 1, short = 1, rate = 2 }'),
            "swap, rate is unknown, expected mode",
        ),
        (with_value("swap", '[{ mode = "DISABLED" }, { mode = "DISABLED" }]'), "swap, from of row 2 is missing"),
        (
            with_value("commission", "[{ per_lot = 1, from = 2025-01-01 }]"),
            "commission, from of row 1 is 2025-01-01, expected none: the first row has no date",
        ),
        (
            with_value(
                "commission",
                "[{ per_lot = 1 }, { per_lot = 1, from = 2025-01-02 }, { per_lot = 1, from = 2025-01-01 }]",
            ),
            "commission, from of row 3 is 2025-01-01, expected a date after 2025-01-02",
        ),
        (with_value("commission", "{ per_lot = -1 }"), "commission, per_lot is -1, expected a number of 0 or more"),
        (with_value("clock", '"Berlin"'), "clock is 'Berlin', expected new_york_close, UTC, or a zone"),
        (with_value("trade_sessions", '["Mon 8-22"]'), "trade_sessions is 'Mon 8-22', expected spans such as"),
        (with_value("trade_sessions", '["Fri-Mon 08:00-22:00"]'), "trade_sessions is 'Fri-Mon 08:00-22:00', expected"),
        (with_value("trade_sessions", '["Mon 08:00-25:00"]'), "trade_sessions is 'Mon 08:00-25:00', expected"),
        (
            with_value("trade_sessions", '["Mon-Fri 08:00-22:00", "Wed 21:59-23:00"]'),
            "trade_sessions, Wed 21:59-23:00 overlaps another span, expected spans that do not overlap",
        ),
        (
            DE40 + 'quote_sessions = ["Mon-Thu 08:00-22:00"]',
            "trade_sessions is Fri 08:00-22:00, expected a span within one of quote_sessions",
        ),
        (DE40 + "holidays = [7]", "holidays is 7, expected a date such as 2025-01-31"),
        (DE40 + "holidays = [2025-12-25, 2025-12-25]", "holidays overlap at 2025-12-24 23:00 UTC"),
        (DE40 + 'holidays = [["2025-12-25 09:00", "2025-12-25 09:00"]]', "from an earlier to a later time"),
        (
            DE40 + 'expires = "2026-03-29 02:30"',
            "expires is '2026-03-29 02:30:00', expected a local time that exists in Europe",
        ),
        (DE40 + 'gtc_mode = "DAILY"', "it deletes the stops of positions every day, which is not simulated"),
        (with_value("filling", '["ALL"]'), "filling is ['ALL'], expected a list of one or more of"),
        (DE40 + "leverage = 5", "leverage is unknown, expected one of digits, tick_size"),
    ],
)
def test_an_invalid_field_is_refused_in_a_line_that_names_file_symbol_and_field(
    tmp_path: Path, text: str, message: str
) -> None:
    path = written(tmp_path, text)
    catalogue = load_instruments(path)
    with pytest.raises(StartError) as refusal:
        catalogue.require("DE40")
    line = str(refusal.value)
    assert line.startswith(f"MT5_INSTRUMENTS: {path}: DE40: ")
    assert message in line
    assert "\n" not in line
    assert catalogue.find("DE40") is None


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("digits", '"?"', 'digits is "?", expected a whole number from 0 to 10'),
        ("trade_sessions", '"?"', 'trade_sessions is "?", expected spans such as'),
        ("margin_rates_long", '[1, "?"]', 'margin_rates_long, 2 is "?", expected two numbers'),
        ("swap", '{ mode = "POINTS", long = -1, short = "?" }', 'swap, short is "?", expected a table with mode'),
        ("holidays", '"?"', 'holidays is "?", expected days such as'),
    ],
)
def test_a_question_mark_is_refused_only_for_a_symbol_that_is_used(
    tmp_path: Path, field: str, value: str, message: str
) -> None:
    catalogue = load_instruments(written(tmp_path, with_value(field, value)))
    assert catalogue.require("EURUSD") == an_instrument()
    assert catalogue.terms_digest(["EURUSD"]) == ""
    for use in (lambda: catalogue.require("DE40"), lambda: catalogue.terms_digest(["DE40"])):
        with pytest.raises(StartError, match="DE40") as refusal:
            use()
        assert message in str(refusal.value)


def test_a_file_replaces_the_built_in_terms_only_for_its_own_symbols(tmp_path: Path) -> None:
    text = DE40.replace("DE40", "XAUUSD").replace('base_currency = "EUR"', 'base_currency = "XAU"')
    catalogue = load_instruments(written(tmp_path, text))
    assert catalogue.require("XAUUSD").contract_size == 25
    assert catalogue.require("XAGUSD") == an_instrument("XAGUSD")
    with pytest.raises(StartError, match="unknown symbol 'DE40', expected a pair of currencies"):
        catalogue.require("DE40")
    assert load_instruments("") is CATALOGUE


def test_the_digest_depends_only_on_the_terms_that_are_used(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    name = load_instruments(written(one)).terms_digest(["EURUSD", "DE40"])
    assert name.startswith("sha256-")
    same = DE40.replace('broker = "a broker"', 'page = "elsewhere"') + "[US30]\ndigits = 7\n"
    assert load_instruments(written(other, same)).terms_digest(["DE40"]) == name
    assert load_instruments(written(other, with_value("stops_level", "11"))).terms_digest(["DE40"]) != name


@pytest.mark.parametrize(("text", "message"), [("US30 = 3", "US30 is 3, expected a table"), ("[US30", "Expected")])
def test_a_file_that_is_not_a_table_of_tables_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(StartError, match=message):
        load_instruments(written(tmp_path, text))
    with pytest.raises(StartError, match="expected a TOML file of instruments, or one of"):
        load_instruments(str(tmp_path / "missing.toml"))


@pytest.mark.parametrize("name", shipped_files())
def test_each_shipped_file_is_complete_and_names_its_source(name: str) -> None:
    catalogue = load_instruments(name)
    for symbol in catalogue.symbols:
        assert catalogue.require(symbol).symbol == symbol
        assert {"broker", "page", "date"} <= catalogue.notes(symbol).keys()


@pytest.mark.parametrize("symbol", ["EURUSD", "XAUUSD", "EURUSD.m#1", "DE40"])
def test_a_written_instrument_is_read_back_unchanged(tmp_path: Path, symbol: str) -> None:
    if symbol == "DE40":
        more = """
holidays = [2025-12-25, ["2025-12-31 14:00", "2026-01-02 09:00"]]
expires = 2026-03-20 22:00:00
volume_limit = 7.5
quote_sessions = ["Mon 00:00-24:00", "Tue 00:00-23:30", "Wed-Fri 07:00-12:00", "Wed-Fri 12:30-22:00"]
"""
        text = with_value("trade_sessions", '["Mon 07:00-24:00", "Tue 00:00-12:00", "Wed-Thu 08:00-12:00"]') + more
        terms = load_instruments(written(tmp_path, text)).require("DE40")
        dated = (*terms.swaps, SwapTerms(date(2025, 2, 1), SwapMode.POINTS, D("-1.5"), D(0)))
        terms = structs.replace(
            terms, swaps=dated, commissions=(*terms.commissions, CommissionTerms(date(2025, 3, 1), D(3)))
        )
    else:
        terms = an_instrument(symbol)
    assert load_instruments(written(tmp_path, instruments_text([terms], "terms"))).require(symbol) == terms


def test_an_unknown_term_is_written_as_a_question_mark_and_refused(tmp_path: Path) -> None:
    instrument = structs.replace(an_instrument(), untold=("sessions", "commissions", "holidays"))
    text = instruments_text([instrument], "terms")
    assert [line for line in text.splitlines() if "?" in line] == [
        'commission = "?"',
        'trade_sessions = "?"',
        'holidays = "?"',
    ]
    with pytest.raises(StartError, match='EURUSD: commission is "\\?", expected'):
        load_instruments(written(tmp_path, text)).require("EURUSD")


def test_the_largest_instrument_fits_into_a_frame() -> None:
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(ROWS_MAX - 1)]
    large = structs.replace(
        an_instrument(),
        swaps=tuple(SwapTerms(day, SwapMode.INTEREST_CURRENT, D("-12.3456"), D("-12.3456")) for day in [None, *days]),
        commissions=tuple(CommissionTerms(day, D("12.3456"), "USD") for day in [None, *days]),
        sessions=tuple((n * 100, n * 100 + 99) for n in range(SESSIONS_MAX)),
        quote_sessions=tuple((n * 100, n * 100 + 99) for n in range(SESSIONS_MAX)),
        holidays=tuple((utc_ns("2026-01-01 00:00") + n, utc_ns("2026-01-02 00:00") + n) for n in range(HOLIDAYS_MAX)),
    )
    assert len(msgspec.json.encode(large)) < MAX_FRAME_BYTES - 2_000
