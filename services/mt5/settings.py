"""Settings of the gateway process."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from common.errors import StartError
from common.project_root import DESK_ROOT, HAS_OWN_DESK, expanded
from common.settings import CommonSettings, DeskPath, Endpoint, NameOrFile, Port, own_gateway_url, own_ticks_url
from marketdata.files.tick_input import DEFAULT_CROSSED, ZONE_EXPECTED, Crossed, TickInput
from marketdata.generated_market import UnknownSymbolError, pairs_of
from marketdata.instruments import CURRENCIES, account_digits
from proto.routes import DEFAULT_GATEWAY_PORT, DEFAULT_MARKET_DATA_PORT
from proto.trading.defaults import (
    DEFAULT_BALANCE,
    DEFAULT_CURRENCY,
    DEFAULT_LEVERAGE,
    LEVERAGE_MAX,
    SEED_MAX,
    SPEED_MAX,
)
from proto.trading.enums import AccountMode
from proto.trading.number_text import parse_float
from proto.trading.server_time import NEW_YORK_CLOSE
from proto.trading.units import is_exact
from services.mt5.core.compose import account_name
from services.mt5.core.gateway.in_doubt_orders import SETTLING_MS
from services.mt5.core.gateway.lease import LEASE_TTL_MS
from services.mt5.core.gateway.tick_publisher import LOCKSTEP, WINDOW_MAX, Pace
from services.mt5.core.simulated.fill_model import IDEAL, PROFILES
from services.mt5.terminal.server_clock import ServerClock

INPUTS_SEPARATOR = ";"
PACE_EXPECTED = "lockstep, max, a factor such as 10 or 0.5, live or live:FACTOR"


def _inputs(value: object) -> object:
    if not isinstance(value, str):
        return value
    inputs = []
    for part in filter(None, (part.strip() for part in value.split(INPUTS_SEPARATOR))):
        path, _, symbol = part.rpartition(":")
        if not path or not symbol:
            raise ValueError(f"FILE:SYMBOL, several joined by '{INPUTS_SEPARATOR}'")
        inputs.append(TickInput(DESK_ROOT / expanded(path), symbol))
    if not inputs:
        raise ValueError("FILE:SYMBOL, or an empty value for the generated market")
    return tuple(inputs)


def _request_url(runtime: Path) -> str:
    return own_gateway_url(runtime) if HAS_OWN_DESK else f"tcp://127.0.0.1:{DEFAULT_GATEWAY_PORT}"


def _publish_url(runtime: Path) -> str:
    return own_ticks_url(runtime) if HAS_OWN_DESK else f"tcp://127.0.0.1:{DEFAULT_MARKET_DATA_PORT}"


def _symbol_map(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    names = {desk.strip(): broker.strip() for desk, _, broker in pairs}
    is_good = all(names) and all(names.values()) and len(names) == len(pairs)
    if not is_good or len(set(names.values())) != len(names):
        raise ValueError("comma-separated DESK=BROKER names, each name once, such as EURUSD=EURUSD.m")
    return names


def _server_zone(value: str) -> str:
    ServerClock(value)
    return value


def _known_currency(value: str) -> str:
    if value not in CURRENCIES:
        raise ValueError("an ISO currency such as USD")
    return value


def _account_mode(value: object) -> object:
    return value.upper() if isinstance(value, str) and value == value.lower() else value


def _pace(value: str) -> str:
    parse_pace(value, window=WINDOW_MAX)
    return value


def parse_pace(value: str, *, window: int) -> Pace:
    """Parse a pace.

    Args:
        value: a pace as `PACE_EXPECTED` lists them.
        window: the window of the pace `max`, in ticks.

    Raises:
        ValueError: the value is not a pace.
    """
    if value == "lockstep":
        return LOCKSTEP
    if value == "max":
        return Pace(window=window)
    word, _, factor = value.rpartition(":")
    if value == "live":
        return Pace(window=0, factor=1.0)
    if word not in ("", "live"):
        raise ValueError(PACE_EXPECTED)
    try:
        speed = parse_float(factor)
    except ValueError:
        raise ValueError(PACE_EXPECTED) from None
    if not 0 < speed <= SPEED_MAX:
        raise ValueError(f"{PACE_EXPECTED}; the factor must be above 0 and at most {SPEED_MAX:g}")
    return Pace(window=0 if word == "live" else 1, factor=speed)


class Mt5Settings(CommonSettings):
    """Settings of the gateway process, in addition to the settings that all processes share."""

    mt5_venue: Literal["none", "simulated", "terminal"] = Field(
        default="none", description="none, simulated or terminal"
    )
    mt5_request_url: Endpoint = Field(default_factory=lambda data: _request_url(data["paperdesk_runtime_dir"]))
    mt5_publish_url: Endpoint = Field(default_factory=lambda data: _publish_url(data["paperdesk_runtime_dir"]))
    mt5_ticks: Annotated[tuple[TickInput, ...], NoDecode, BeforeValidator(_inputs)] = ()
    mt5_ticks_zone: str | None = Field(default=None, min_length=1, description=ZONE_EXPECTED)
    mt5_market: Literal["recorded", "generated"] | None = Field(default=None, description="recorded or generated")
    mt5_pace: Annotated[str, AfterValidator(_pace)] | None = None
    mt5_window: int = Field(default=2_000, ge=1, le=WINDOW_MAX, description=f"ticks from 1 to {WINDOW_MAX}")
    mt5_from_row: int | None = Field(default=None, ge=1, description="a row from 1")
    mt5_to_row: int | None = Field(default=None, ge=1, description="a row from 1")
    mt5_ticks_max: int | None = Field(default=None, ge=1, description="ticks from 1")
    mt5_crossed: Crossed = Field(default=DEFAULT_CROSSED, description="reject or accept")
    mt5_balance: Decimal = Field(default=DEFAULT_BALANCE, ge=0, description="money of 0 or more")
    mt5_currency: Annotated[str, AfterValidator(_known_currency)] = DEFAULT_CURRENCY
    mt5_seed: int = Field(default=0, ge=0, le=SEED_MAX, description="a whole number from 0")
    mt5_fills: NameOrFile = Field(
        default=IDEAL.name, min_length=1, description=f"{', '.join(PROFILES)} or a TOML file of a fill profile"
    )
    mt5_instruments: NameOrFile = ""
    mt5_account_mode: Annotated[AccountMode, BeforeValidator(_account_mode)] = Field(
        default=AccountMode.NETTING, description="netting or hedging"
    )
    mt5_leverage: int = Field(
        default=DEFAULT_LEVERAGE, ge=0, le=LEVERAGE_MAX, description=f"a whole number from 0 to {LEVERAGE_MAX}"
    )
    mt5_stream_id: str | None = Field(default=None, min_length=1, max_length=64, description="1 to 64 characters")
    mt5_symbol_map: Annotated[dict[str, str], NoDecode, BeforeValidator(_symbol_map)] = Field(default_factory=dict)
    mt5_faults: bool = Field(default=False, description="on or off")
    mt5_lease_ms: int = Field(default=LEASE_TTL_MS, ge=500, le=60_000, description="milliseconds from 500 to 60000")
    mt5_settling_ms: int = Field(
        default=SETTLING_MS, ge=1_000, le=600_000, description="milliseconds from 1000 to 600000"
    )
    mt5_login: int = Field(default=0, ge=0, le=2**53, description="the number of a trading account")
    mt5_password: SecretStr = SecretStr("")
    mt5_server: str = Field(default="", max_length=64, description="the broker's server, at most 64 characters")
    mt5_path: str = ""
    mt5_server_zone: Annotated[str, AfterValidator(_server_zone)] = NEW_YORK_CLOSE
    mt5_poll_ms: int = Field(default=20, ge=5, le=1_000, description="milliseconds from 5 to 1000")
    mt5_terminal_timeout_ms: int = Field(
        default=30_000, ge=1_000, le=600_000, description="milliseconds from 1000 to 600000"
    )
    mt5_allow_real: Literal["no", "yes"] = Field(default="no", description="no or yes")
    mt5_real_token: SecretStr = SecretStr("")
    mt5_real_token_file: DeskPath | None = None
    metrics_port_mt5: Port = 0

    @property
    def pace(self) -> Pace:
        """Window and speed of publication; the generated market is always live."""
        return parse_pace(self.mt5_pace or ("live" if self.is_generated else "lockstep"), window=self.mt5_window)

    @property
    def is_generated(self) -> bool:
        """Whether the market is generated instead of read from files."""
        return self.mt5_market == "generated" if self.mt5_market else not self.mt5_ticks

    @property
    def account(self) -> str:
        """Name of the simulated account."""
        return account_name(self.mt5_currency)

    def require_sound(self) -> None:
        """Check settings that depend on each other.

        Raises:
            StartError: two settings contradict each other, or MT5_TICKS is missing.
        """
        if self.is_generated:
            self._require_sound_market()
        elif not self.mt5_ticks:
            raise StartError(
                "MT5_TICKS: value '', expected FILE:SYMBOL of recorded ticks, such as eurusd.parquet:EURUSD"
            )
        digits = account_digits(self.mt5_currency)
        step = Decimal(1).scaleb(-digits)
        if not is_exact(self.mt5_balance) or self.mt5_balance % step:
            raise StartError(
                f"MT5_BALANCE: value '{self.mt5_balance}', expected an amount in steps of {step} {self.mt5_currency}"
            )

    def _require_sound_market(self) -> None:
        if self.mt5_ticks:
            raise StartError(f"MT5_MARKET: value '{self.mt5_market}', expected recorded, because MT5_TICKS names files")
        if self.pace.window:
            raise StartError(
                f"MT5_PACE: value '{self.mt5_pace}', expected live or live:FACTOR with the generated market, which is "
                "always live"
            )
        if self.mt5_stream_id is not None:
            raise StartError(
                f"MT5_STREAM_ID: value '{self.mt5_stream_id}', expected no value with the generated market, which has "
                "an id of its own"
            )
        try:
            pairs_of(self.quoted_symbols, self.mt5_symbol_map)
        except UnknownSymbolError as error:
            raise StartError(f"TRADING_SYMBOL: {error}") from None
