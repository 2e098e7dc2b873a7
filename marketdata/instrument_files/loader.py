"""Loading of instrument files: TOML files with terms that replace the simulated broker's terms.

docs/instruments.md describes the file. A symbol is checked when it is first used. Every key must be known, every value
must be valid and not "?", and values must not contradict one another. An error is one line with the file, the symbol
and the field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from common.errors import StartError
from common.toml_files import digest_of, read_toml
from marketdata.instrument_files import fields
from marketdata.instrument_files.fields import FieldError
from marketdata.instruments import CURRENCIES, find_instrument
from proto.trading.enums import CalculationMode, GtcMode, SwapMode, TradeMode
from proto.trading.instrument import Instrument
from proto.trading.position_margin import BY_VOLUME
from proto.trading.server_time import NEW_YORK_CLOSE
from proto.trading.units import NAME_CHARS_MAX, decimal_text, is_exact, is_on_step

SETTING: Final = "MT5_INSTRUMENTS"
SHIPPED_FOLDER: Final = Path(__file__).with_name("examples")
UNKNOWN: Final = "?"
"""Value of a field whose term is not known."""

_EXAMPLE: Final = "expected a table for each symbol, such as [US30]"
_NOTES: Final = ("broker", "page", "date", "note")
"""Keys that document the source of the terms and have no other effect."""

_DEFAULTS: Final[Mapping[str, object]] = {
    "volume_limit": 0,
    "tick_price": 0,
    "margin_initial": 0,
    "margin_maintenance": 0,
    "quote_sessions": [],
    "holidays": [],
    "expires": fields.NEVER,
    "clock": NEW_YORK_CLOSE,
    "gtc_mode": GtcMode.GTC.value,
    "trade_mode": TradeMode.FULL.value,
}
"""Fields that a file may omit, with their defaults."""

_NOT_SIMULATED: Final = {
    "DAILY": "it deletes the stops of positions every day",
    "REOPEN_CURRENT": "it closes and opens positions every night",
    "REOPEN_BID": "it closes and opens positions every night",
}


def shipped_files() -> dict[str, Path]:
    """The example files of the package, by name."""
    return {path.stem: path for path in sorted(SHIPPED_FOLDER.glob("*.toml"))}


def instruments_path(text: str) -> Path:
    """Path of the example file with the name `text` or, if there is none, `text` as a path."""
    return shipped_files().get(text, Path(text))


class FileCatalogue:
    """Catalogue with the terms of an instrument file, and the simulated broker's terms for all other symbols."""

    def __init__(self, path: Path | None = None, tables: Mapping[str, Any] | None = None) -> None:
        """Create a catalogue from `tables`, the unchecked contents of the file at `path`."""
        self._path = path
        self._tables = dict(tables or {})
        self._checked: dict[str, Instrument | StartError] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of the file, in the order of the file."""
        return tuple(self._tables)

    def notes(self, symbol: str) -> dict[str, str]:
        """The notes of a symbol on the source of its terms, by key; empty if there are none."""
        table = self._tables.get(symbol, {})
        return {name: str(table[name]) for name in _NOTES if name in table}

    def find(self, symbol: str) -> Instrument | None:
        """Terms of a symbol; None if it is not traded, or if its terms in the file are incomplete or invalid."""
        if symbol not in self._tables:
            return find_instrument(symbol)
        found = self._check(symbol)
        return found if isinstance(found, Instrument) else None

    def require(self, symbol: str) -> Instrument:
        """Terms of a symbol that is to be traded.

        Raises:
            StartError: the symbol is not traded, or its terms in the file are incomplete or invalid.
        """
        if symbol in self._tables:
            found = self._check(symbol)
            if isinstance(found, StartError):
                raise found
            return found
        terms = find_instrument(symbol)
        if terms is None:
            raise StartError(
                f"unknown symbol {symbol!r}, expected a pair of currencies such as EURUSD, or XAUUSD or XAGUSD, "
                "with the broker's suffix if it has one, or a symbol of a file of instruments"
            )
        return terms

    def terms_digest(self, symbols: Iterable[str]) -> str:
        """Digest of the terms that the file has for `symbols`; empty if it has none of the symbols."""
        used = [self.require(symbol) for symbol in sorted(set(symbols)) if symbol in self._tables]
        return digest_of(msgspec.json.encode(used)) if used else ""

    def _check(self, symbol: str) -> Instrument | StartError:
        if symbol not in self._checked:
            try:
                self._checked[symbol] = _instrument(symbol, self._tables[symbol])
            except FieldError as error:
                self._checked[symbol] = StartError(f"{SETTING}: {self._path}: {symbol}: {error}")
        return self._checked[symbol]


CATALOGUE: Final = FileCatalogue()
"""A catalogue without a file."""


def load_instruments(text: str) -> FileCatalogue:
    """Load the catalogue with the terms of a file or of an example file; an empty `text` means no file.

    Raises:
        StartError: the file does not exist, or is not TOML with tables.
    """
    if not text:
        return CATALOGUE
    path = instruments_path(text)
    expected = f"a TOML file of instruments, or one of {', '.join(shipped_files())}"
    tables = read_toml(path, setting=SETTING, value=text, expected=expected, example=_EXAMPLE, parse_float=Decimal)
    for symbol, table in tables.items():
        if not isinstance(table, dict):
            raise StartError(f"{SETTING}: {path}: {symbol} is {table!r}, {_EXAMPLE}")
        if not 1 <= len(symbol) <= NAME_CHARS_MAX:
            raise StartError(f"{SETTING}: {path}: symbol {symbol!r}, expected 1 to {NAME_CHARS_MAX} characters")
    return FileCatalogue(path, tables)


def _instrument(symbol: str, table: Mapping[str, Any]) -> Instrument:
    """The terms in the table of a symbol.

    Raises:
        FieldError: a field is unknown, missing or invalid, or contradicts another.
    """
    values = {**_DEFAULTS, **{name: value for name, value in table.items() if name not in _NOTES}}
    for name in values:
        if name not in _FIELDS:
            raise FieldError(f"{name} is unknown, expected one of {', '.join(_FIELDS)}")
    for name in _FIELDS:
        if name not in values:
            raise FieldError(f"{name} is missing, expected {_FIELDS[name][1]}")
        _require_known(name, values[name])
    clock = fields.clock("clock", values["clock"])
    read: dict[str, Any] = {}
    for name, (kind, _) in _FIELDS.items():
        read[name] = kind(name, values[name], clock) if kind in fields.BY_CLOCK else kind(name, values[name])
    _require_sound(read)
    terms = {_NAMES.get(name, name): value for name, value in read.items()}
    try:
        return msgspec.convert({"symbol": symbol, **terms}, Instrument, strict=True)
    except (msgspec.ValidationError, ValueError) as error:
        raise FieldError(str(error)) from None


def _require_known(name: str, value: object) -> None:
    """Refuse a value that is "?" or contains one.

    Raises:
        FieldError: names the field.
    """
    if value == UNKNOWN:
        raise FieldError(f'{name} is "?", expected {_FIELDS[name][1]}')
    parts = value.items() if isinstance(value, dict) else enumerate(value, 1) if isinstance(value, list) else ()
    for key, part in parts:
        if part == UNKNOWN or isinstance(part, dict | list):
            try:
                _require_known(name, part)
            except FieldError:
                raise FieldError(f'{name}, {key} is "?", expected {_FIELDS[name][1]}') from None


def _require_sound(read: Mapping[str, Any]) -> None:
    """Refuse terms that contradict one another.

    Raises:
        FieldError: names a field, its value and the expectation.
    """
    mode: CalculationMode = read["calculation_mode"]
    tick_size, point = read["tick_size"], Decimal(1).scaleb(-read["digits"])
    _require(is_on_step(tick_size, point), "tick_size", tick_size, f"a multiple of the point, {point}")
    step, least, most, limit = (read[f"volume_{name}"] for name in ("step", "min", "max", "limit"))
    _require(least <= most, "volume_max", most, f"at least volume_min, {decimal_text(least)}")
    for name in ("volume_min", "volume_max"):
        _require(is_on_step(read[name], step), name, read[name], f"a multiple of volume_step, {decimal_text(step)}")
    _require(not limit or limit >= least, "volume_limit", limit, f"0 for none, or at least {decimal_text(least)}")
    _require_currencies(read, mode)
    by_contract, tick_price = tick_size * read["contract_size"], read["tick_price"]
    if mode in (CalculationMode.FUTURES, CalculationMode.CFD_INDEX):
        _require(tick_price > 0, "tick_price", tick_price, f"more than 0 in mode {mode}")
        _require(is_exact(tick_price / tick_size), "tick_price", tick_price, "an exact multiple of tick_size")
    else:
        expected = f"{decimal_text(by_contract)}, tick_size x contract_size, or none in mode {mode}"
        _require(tick_price in (0, by_contract), "tick_price", tick_price, expected)
    if mode is CalculationMode.FUTURES:
        _require(read["margin_initial"] > 0, "margin_initial", 0, "more than 0 in mode FUTURES")
    if read["margin_maintenance"]:
        _require(read["margin_initial"] > 0, "margin_initial", 0, "more than 0 if margin_maintenance is above 0")
    if any(row.mode is not SwapMode.DISABLED and (row.long or row.short) for row in read["swap"]):
        _require(
            sum(read["swap_weekdays"]) > 0,
            "swap_weekdays",
            "0 on every day",
            "more than 0 on a day, because swap is not 0",
        )
    if read["quote_sessions"]:
        for begin, end in read["trade_sessions"] or (fields.WHOLE_WEEK,):
            is_quoted = any(first <= begin and end <= last for first, last in read["quote_sessions"])
            shown = fields.span_text(begin, end)
            _require(is_quoted, "trade_sessions", shown, "a span within one of quote_sessions")


def _require_currencies(read: Mapping[str, Any], mode: CalculationMode) -> None:
    base, profit, margin = read["base_currency"], read["profit_currency"], read["margin_currency"]
    if mode in BY_VOLUME:
        _require(base != profit, "base_currency", base, f"a currency other than profit_currency in mode {mode}")
        _require(margin != profit, "margin_currency", margin, f"a currency other than profit_currency in mode {mode}")
        return
    is_pair = base != profit and {base, profit} <= CURRENCIES
    _require(not is_pair, "calculation_mode", mode, f"FOREX, because {base} and {profit} are currencies")
    if mode is not CalculationMode.FUTURES:
        _require(margin == profit, "margin_currency", margin, f"profit_currency, {profit}, in mode {mode}")


def _require(is_sound: bool, name: str, value: object, expected: str) -> None:
    if not is_sound:
        shown = decimal_text(value) if isinstance(value, Decimal) else value
        raise FieldError(f"{name} is {shown}, expected {expected}")


_Kind = Callable[..., Any]

_FIELDS: Final[dict[str, tuple[_Kind, str]]] = {
    "digits": (fields.digits, "a whole number from 0 to 10"),
    "tick_size": (fields.positive, fields.POSITIVE_EXPECTED),
    "tick_price": (fields.amount, fields.MONEY_EXPECTED),
    "contract_size": (fields.positive, fields.POSITIVE_EXPECTED),
    "volume_min": (fields.positive, fields.POSITIVE_EXPECTED),
    "volume_max": (fields.positive, fields.POSITIVE_EXPECTED),
    "volume_step": (fields.positive, fields.POSITIVE_EXPECTED),
    "volume_limit": (fields.amount, fields.MONEY_EXPECTED),
    "base_currency": (fields.currency, fields.CURRENCY_EXPECTED),
    "profit_currency": (fields.currency, fields.CURRENCY_EXPECTED),
    "margin_currency": (fields.currency, fields.CURRENCY_EXPECTED),
    "calculation_mode": (fields.member(CalculationMode, _NOT_SIMULATED), ", ".join(CalculationMode)),
    "margin_initial": (fields.amount, fields.MONEY_EXPECTED),
    "margin_maintenance": (fields.amount, fields.MONEY_EXPECTED),
    "margin_rates_long": (fields.rates, fields.RATES_EXPECTED),
    "margin_rates_short": (fields.rates, fields.RATES_EXPECTED),
    "margin_hedged": (fields.hedged, '"larger", or a contract size of 0 or more'),
    "swap": (fields.swaps(_NOT_SIMULATED), "a table with mode, long and short, or a list of such tables with dates"),
    "swap_weekdays": (fields.weekdays, fields.WEEKDAYS_EXPECTED),
    "commission": (fields.commissions, "a table with per_lot, or a list of such tables with dates"),
    "clock": (fields.clock, fields.CLOCK_EXPECTED),
    "trade_sessions": (fields.sessions, fields.SESSIONS_EXPECTED),
    "quote_sessions": (fields.sessions, fields.SESSIONS_EXPECTED),
    "holidays": (fields.holidays, fields.HOLIDAYS_EXPECTED),
    "expires": (fields.expiry, fields.EXPIRY_EXPECTED),
    "stops_level": (fields.points, "points of 0 or more"),
    "freeze_level": (fields.points, "points of 0 or more"),
    "filling": (fields.fillings, fields.FILLINGS_EXPECTED),
    "gtc_mode": (fields.member(GtcMode, _NOT_SIMULATED), ", ".join(GtcMode)),
    "trade_mode": (fields.member(TradeMode, _NOT_SIMULATED), ", ".join(TradeMode)),
}
"""Every field of a symbol: its reader, and the text of the expectation."""

_NAMES: Final = {
    "swap": "swaps",
    "commission": "commissions",
    "trade_sessions": "sessions",
    "expires": "expires_ns",
    "stops_level": "stops_level_points",
    "freeze_level": "freeze_level_points",
}
"""Fields whose name in `Instrument` differs."""
