"""Settings: one frozen model per service, read from the environment and `.env`.

The name of a variable is the name of its field in capitals, without prefix or alias, so that a text search finds it.
The environment takes precedence over `.env`. An empty value counts as not set. An invalid value prevents the start with
one line: variable, value and expectation. The expectation is the field's `description`, such as "milliseconds from 1 to
600000".

All processes read the same `.env`. A key that is not a setting of any service is refused: a key that neither the
service that reads it nor `.env.example` has is compared with the settings of all services.
"""

from __future__ import annotations

import difflib
import importlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, cast, get_args

import dotenv
from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from common.errors import StartError
from common.project_root import (
    DEFAULT_DATA_DIR,
    DESK_ROOT,
    ENV_FILE_VARIABLE,
    HAS_OWN_DESK,
    PROJECT_ROOT,
    expanded,
    require_desk_root,
)
from common.text_files import EncodingError, python_codec, read_text
from proto.routes import DEFAULT_GATEWAY_PORT, DEFAULT_MARKET_DATA_PORT
from proto.trading.number_text import PARSERS
from proto.trading.units import NAME_CHARS_MAX

SHARED: Final = "shared"
SERVICES: Final = ("mt5", "signal", "portfolio", "execution", "watchdog", "web", "notify")
SECRET_PREFIX: Final = "NOTIFY_URL_"  # noqa: S105 - the beginning of a name
"""Beginning of the names of variables that contain the secret address of a target of notify.

They are no settings: a rules file refers to them by name, and their values are shown nowhere.
"""

_SHOWN_CHARS_MAX: Final = 80
_EXAMPLE_NAME: Final = re.compile(r"^#([A-Z][A-Z0-9_]*)=", re.MULTILINE)

Source = Literal["default", "env", ".env"]
S = TypeVar("S", bound="DeskSettings")


def _endpoint(url: str) -> str:
    scheme, _, address = url.partition("://")
    if scheme == "ipc" and address:
        return url
    host, _, port = address.rpartition(":")
    is_number = port.isascii() and port.isdecimal()
    if scheme == "tcp" and host and (port == "*" or (is_number and 0 <= int(port) <= 65_535)):
        return url
    raise ValueError("tcp://HOST:PORT or ipc://PATH")


def _symbols(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _distinct_symbols(symbols: tuple[str, ...]) -> tuple[str, ...]:
    named = all(0 < len(symbol) <= NAME_CHARS_MAX and not any(map(str.isspace, symbol)) for symbol in symbols)
    if not symbols or not named or len(set(symbols)) != len(symbols):
        raise ValueError("one or more different symbols, comma separated, such as EURUSD,NZDUSD")
    return symbols


def _distinct_or_none(symbols: tuple[str, ...]) -> tuple[str, ...]:
    return _distinct_symbols(symbols) if symbols else symbols


def _under_root(path: Path) -> Path:
    return DESK_ROOT / expanded(path)


def _in_own_desk(value: str) -> str:
    path = DESK_ROOT / value
    return str(path) if HAS_OWN_DESK and path.suffix and path.is_file() else value


Endpoint = Annotated[str, AfterValidator(_endpoint)]
"""A ZeroMQ address; an address to bind may have `*` as host or port."""

Symbols = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_symbols), AfterValidator(_distinct_symbols)]
"""A comma-separated list of different symbols, in the order given."""

DeskPath = Annotated[Path, AfterValidator(_under_root)]
"""A path of a file or folder. A relative path is relative to the desk's folder, not to the working directory."""

NameOrFile = Annotated[str, AfterValidator(_in_own_desk)]
"""A name, or the path of a file; in a desk of `paperdesk init` a relative path is relative to the desk's folder."""

WatchedSymbols = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_symbols), AfterValidator(_distinct_or_none)]
"""A comma-separated list of different symbols, which may be empty."""

Port = Annotated[int, Field(ge=0, le=65_535, description="a port from 0 to 65535; 0 means off")]


class DeskSettings(BaseSettings):
    """Base class of every settings model; create an instance only with `load`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, case_sensitive=False)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Check that no model has aliases or a prefix, so that the name of a variable is the name of its field."""
        plain = all(field.alias is None and field.validation_alias is None for field in cls.model_fields.values())
        assert plain, f"{cls.__name__}: settings have no aliases"
        assert not cls.model_config.get("env_prefix"), f"{cls.__name__}: settings have no prefix"

    @field_validator("*", mode="before")
    @classmethod
    def _plain_number(cls, value: object, info: ValidationInfo) -> object:
        """Parse a number by `proto.trading.number_text`, because pydantic would accept 1_0 as ten."""
        assert info.field_name is not None
        annotation = cls.model_fields[info.field_name].annotation
        kinds = [kind for kind in (annotation, *get_args(annotation)) if kind in PARSERS]
        if not kinds or not isinstance(value, str):
            return value
        try:
            return PARSERS[kinds[0]](value)
        except ValueError:
            raise PydanticCustomError("number", "a number") from None


class CommonSettings(DeskSettings):
    """Settings common to all services."""

    trading_symbol: Symbols = ("EURUSD",)
    watched_symbol: WatchedSymbols = ()
    zmq_market_data_url: Endpoint | None = None
    zmq_execution_url: Endpoint | None = None
    gtw_host: str = Field(default="127.0.0.1", min_length=1, description="a host name or address")
    gtw_port: int = Field(default=DEFAULT_GATEWAY_PORT, ge=1, le=65_535, description="a port from 1 to 65535")
    gtw_timeout_ms: int = Field(default=2_000, ge=1, le=600_000, description="milliseconds from 1 to 600000")
    paperdesk_runtime_dir: DeskPath = DESK_ROOT / "var" / "run"
    paperdesk_data_dir: DeskPath = DEFAULT_DATA_DIR
    signal_url: Endpoint = Field(default_factory=lambda data: _runtime_url(data, "signal"))
    command_url: Endpoint = Field(default_factory=lambda data: _runtime_url(data, "command"))
    report_url: Endpoint = Field(default_factory=lambda data: _runtime_url(data, "report"))
    control_url: Endpoint = Field(default_factory=lambda data: _runtime_url(data, "control"))
    events_url: Endpoint = Field(default_factory=lambda data: _runtime_url(data, "events"))
    strategy_url: Endpoint = Field(default_factory=lambda data: _runtime_url(data, "strategy"))
    notify_url: Endpoint = Field(default_factory=lambda data: _runtime_url(data, "notify"))
    notify_file: DeskPath | None = Field(default=None, description="a TOML file of targets and rules, or nothing")
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(lambda v: str(v).upper())] = (
        Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
    )
    metrics_host: str = Field(default="127.0.0.1", min_length=1, description="a host name or address")

    @model_validator(mode="after")
    def _one_gateway(self) -> CommonSettings:
        given = {"gtw_host", "gtw_port"} & self.model_fields_set
        spelt = f"tcp://{self.gtw_host}:{self.gtw_port}"
        if self.zmq_execution_url is not None and given and self.zmq_execution_url != spelt:
            raise ValueError(
                f"ZMQ_EXECUTION_URL: value '{self.zmq_execution_url}', expected {spelt}, which GTW_HOST and GTW_PORT "
                "give; set either the URL or these two"
            )
        return self

    @model_validator(mode="after")
    def _watched_or_traded(self) -> CommonSettings:
        if both := [symbol for symbol in self.watched_symbol if symbol in self.trading_symbol]:
            raise ValueError(
                f"WATCHED_SYMBOL: value '{','.join(both)}', expected symbols that TRADING_SYMBOL does not have"
            )
        return self

    @property
    def quoted_symbols(self) -> tuple[str, ...]:
        """Every symbol whose ticks are published: the traded symbols, then the watched ones."""
        return self.trading_symbol + self.watched_symbol

    @property
    def gateway_url(self) -> str:
        """Address of the gateway's request socket."""
        if HAS_OWN_DESK and not self.zmq_execution_url and not {"gtw_host", "gtw_port"} & self.model_fields_set:
            return own_gateway_url(self.paperdesk_runtime_dir)
        return self.zmq_execution_url or f"tcp://{self.gtw_host}:{self.gtw_port}"

    @property
    def market_data_url(self) -> str:
        """Address at which the gateway publishes ticks."""
        if HAS_OWN_DESK and not self.zmq_market_data_url and "gtw_host" not in self.model_fields_set:
            return own_ticks_url(self.paperdesk_runtime_dir)
        return self.zmq_market_data_url or f"tcp://{self.gtw_host}:{DEFAULT_MARKET_DATA_PORT}"


def own_gateway_url(runtime: Path) -> str:
    """Address for requests to the gateway of a desk with a folder of its own, so that two desks of a host differ."""
    return f"ipc://{runtime}/gw.ipc"


def own_ticks_url(runtime: Path) -> str:
    """Address of the ticks of the gateway of a desk with a folder of its own."""
    return f"ipc://{runtime}/ticks.ipc"


def _runtime_url(data: dict[str, Any], name: str) -> str:
    return f"ipc://{data['paperdesk_runtime_dir']}/{name}.ipc"


def load(model: type[S]) -> S:
    """Read the settings of one process.

    Raises:
        StartError: a value is invalid or a key of `.env` is unknown; the text is one line.
    """
    path = env_file()
    known = _names(model)
    if not _env_file_keys() <= known | _example_names():
        check_env_file(known | setting_names())
    try:
        # The signature that type checkers derive lacks the arguments of BaseSettings that are not fields.
        codec = python_codec(path.read_bytes()) if path else None
        return cast("Callable[..., S]", model)(_env_file=path, _env_file_encoding=codec)
    except ValidationError as error:
        lines = [_line(model, problem) for problem in error.errors() if problem["type"] != "default_factory_not_called"]
        raise StartError("; ".join(lines)) from None


def describe(settings: DeskSettings) -> list[tuple[str, str, Source]]:
    """List every setting: variable, value and source; secrets are masked."""
    in_env, in_file = _given(os.environ), _given(_env_file_values())
    rows: list[tuple[str, str, Source]] = []
    for field in type(settings).model_fields:
        name, value = field.upper(), getattr(settings, field)
        source: Source = "env" if name in in_env else ".env" if name in in_file else "default"
        rows.append((name, _text(value), source))
    return rows


def given_settings() -> dict[str, str]:
    """Settings given in the environment or, with lower precedence, in `.env`; not validated, without empty values.

    Raises:
        StartError: `.env` cannot be read.
    """
    known = setting_names()
    given: dict[str, str] = {}
    for source in (_env_file_values(), os.environ):
        given |= {name.upper(): value for name, value in source.items() if value and name.upper() in known}
    return given


def env_file() -> Path | None:
    """The settings file: the one that PAPERDESK_ENV_FILE names, else `.env` in the desk's folder; None without one.

    Raises:
        StartError: the file that PAPERDESK_ENV_FILE names is missing, or the desk's folder is refused.
    """
    require_desk_root()
    named = os.environ.get(ENV_FILE_VARIABLE)
    if named is None:
        path = DESK_ROOT / ".env"
        return path if path.is_file() else None
    if not named:
        return None
    if not Path(named).is_file():
        raise StartError(f"{ENV_FILE_VARIABLE}: value '{named}', expected an existing file, or nothing for none")
    return Path(named)


def check_env_file(known: Iterable[str]) -> None:
    """Refuse a `.env` with a key that is not in `known`, because a misspelled key would have no effect.

    Raises:
        StartError: a key is unknown; the text has the key and the most similar known name.
    """
    if found := unknown_keys(known):
        raise StartError(found[0])


def unknown_keys(known: Iterable[str]) -> list[str]:
    """A text for each key of `.env` that is not in `known`, with the key and the most similar known name.

    Raises:
        StartError: `.env` cannot be read.
    """
    names = set(known)
    texts = []
    for key in _env_file_values():
        if key.upper() not in names and not is_secret_name(key):
            near = nearest_name(key, names)
            hint = f"; the nearest is {near}" if near else ""
            texts.append(f"{key}: unknown key in {env_file()}, expected a setting of the desk{hint}")
    return texts


def nearest_name(name: str, known: Iterable[str], *, least: float = 0.0) -> str | None:
    """The known name with the same words in another order, else the most similar one; None without one.

    Args:
        name: a name in any case.
        known: names in capitals, with words that are separated by underscores.
        least: the least similarity, from 0 to 1 (difflib's ratio), of a name with other words.
    """
    wanted, names = name.upper(), sorted(known)
    words = sorted(wanted.split("_"))
    same = [one for one in names if sorted(one.split("_")) == words]
    near = same if same and wanted not in same else difflib.get_close_matches(wanted, names, n=1, cutoff=least)
    return near[0] if near else None


def is_secret_name(name: str) -> bool:
    """Whether a variable contains the secret address of a target of notify."""
    return name.upper().startswith(SECRET_PREFIX) and len(name) > len(SECRET_PREFIX)


def secret_value(name: str) -> str:
    """The secret in a variable of the environment or, with lower precedence, of `.env`; empty without one.

    Raises:
        StartError: `.env` cannot be read.
    """
    assert is_secret_name(name), name
    return os.environ.get(name) or _env_file_values().get(name) or ""


def secret_names() -> set[str]:
    """Names of the variables with secrets in the environment or `.env`.

    Raises:
        StartError: `.env` cannot be read.
    """
    return {name for name in (*os.environ, *_env_file_values()) if is_secret_name(name)}


def _env_file_keys() -> set[str]:
    return {key.upper() for key in _env_file_values() if not is_secret_name(key)}


def settings_models() -> dict[str, type[CommonSettings]]:
    """The shared settings and the model of each service, by name; imports the settings modules of all services."""
    models = {SHARED: CommonSettings}
    for service in SERVICES:
        [models[service]] = (
            found
            for found in vars(importlib.import_module(f"services.{service}.settings")).values()
            if isinstance(found, type) and issubclass(found, CommonSettings) and found is not CommonSettings
        )
    return models


def setting_names() -> set[str]:
    """Names of the variables of all services, including the shared ones."""
    return set().union(*map(_names, settings_models().values()))


def _example_names() -> set[str]:
    """Names in the shipped `.env.example`, which lists every setting; reading it is faster than `setting_names`."""
    try:
        text = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    except OSError:
        return set()
    return set(_EXAMPLE_NAME.findall(text))


def _names(model: type[DeskSettings]) -> set[str]:
    return {field.upper() for field in model.model_fields}


def _env_file_values() -> dict[str, str | None]:
    """Keys and values of `.env`.

    Raises:
        StartError: the file is not text, or a line is not KEY=VALUE and would have no effect. The error gives only the
            number of the line, because the line may contain a secret.
    """
    path = env_file()
    if path is None:
        return {}
    try:
        text = read_text(path)
    except OSError as error:
        raise StartError(f"{path} cannot be read: {error.strerror}; expected a readable file") from None
    except EncodingError as error:
        raise StartError(f"{path} is {error}: lines of KEY=VALUE") from None
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            source = binding.original
            blank_before = source.string[: len(source.string) - len(source.string.lstrip())].count("\n")
            raise StartError(f"line {source.line + blank_before} of {path} cannot be read, expected KEY=VALUE")
    return dict(dotenv.dotenv_values(stream=StringIO(text)))


def _given(values: Any) -> set[str]:
    return {name.upper() for name, value in values.items() if value}


def _line(model: type[DeskSettings], problem: ErrorDetails) -> str:
    if not problem["loc"]:
        return str(problem.get("ctx", {}).get("error", problem["msg"]))
    field = str(problem["loc"][0])
    info = model.model_fields[field]
    reason = problem.get("ctx", {}).get("error") if problem["type"] == "value_error" else info.description
    expected = str(reason or problem["msg"].removeprefix("Input should be ").removeprefix("Value error, "))
    shown = "**********" if "Secret" in str(info.annotation) else _text(problem["input"])
    return f"{field.upper()}: value '{shown[:_SHOWN_CHARS_MAX]}', expected {expected}"


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return str(value)
    if isinstance(value, Mapping):
        return ",".join(f"{key}={item}" for key, item in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
