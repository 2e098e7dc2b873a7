"""The specification of a run: its data, and the settings that decide its trades.

The stream id is derived from data and settings. A replay and a backtest of the same run have the same stream id, order
ids and trades.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from marketdata.files.stream_loader import load_stream
from marketdata.files.tick_input import DEFAULT_CROSSED, Crossed, TickInput
from marketdata.generated_market import STREAM_ID_CHARS
from marketdata.instrument_files.loader import instruments_path, load_instruments
from marketdata.tick_stream import TickStream
from proto.trading.defaults import (
    DEFAULT_BALANCE,
    DEFAULT_CURRENCY,
    DEFAULT_LEVERAGE,
    DEFAULT_STRATEGY,
    DEFAULT_VOLUME,
)
from proto.trading.enums import AccountMode
from proto.trading.units import decimal_text
from research.order_policy_name import OrderPolicyName
from services.mt5.core.simulated.fill_model import IDEAL, PROFILES
from services.mt5.fill_profiles import load_fill_profile
from services.portfolio.config_files.limits_file import RISK_SETS, load_limits
from services.portfolio.config_files.plan_file import load_plan
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.risk.limits import DEFAULT_LIMITS
from services.portfolio.core.state.config import CODE_SETTING, WATCHED_SETTING, DeskConfig, stream_settings
from services.signal.given_parameters import OPTION, GivenParameters, parse_parameters, plan_parameters
from services.signal.model.manifest import Manifest, read_manifest
from services.signal.parameter_types import canonical_parameters
from services.signal.strategy_code import strategy_codes
from services.signal.strategy_loader import (
    DEFAULT_MODEL,
    canonical_strategy,
    parse_strategies,
    strategy_parameters,
    uses_model,
)


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One run over recorded ticks; the defaults are those of the command line.

    `from_row` and `to_row` select rows of each input, from 1; the rows of a folder are numbered over all its files.
    `ticks_max` limits the ticks of all files together.
    `volume` is in lots, `balance` in `currency`. `leverage` is notional divided by margin; 0 requires no margin.
    """

    inputs: tuple[TickInput, ...]
    watched: tuple[TickInput, ...] = ()
    """Files of symbols that are watched for conversion rates and not traded."""
    strategy: str = DEFAULT_STRATEGY
    strategy_params: str = ""
    """Values of the strategies' parameters, such as `fast_ticks=20`; the plan's have a lower precedence."""
    model: Path | None = None
    from_row: int | None = None
    to_row: int | None = None
    ticks_max: int | None = None
    on_opposite: OnOpposite = OnOpposite.CLOSE
    risk: str = DEFAULT_LIMITS.name
    plan: str = ""
    crossed: Crossed = DEFAULT_CROSSED
    volume: Decimal = DEFAULT_VOLUME
    balance: Decimal = DEFAULT_BALANCE
    currency: str = DEFAULT_CURRENCY
    seed: int = 0
    fills: str = IDEAL.name
    instruments: str = ""
    account_mode: AccountMode = AccountMode.NETTING
    leverage: int = DEFAULT_LEVERAGE
    symbol_map: Mapping[str, str] = field(default_factory=dict)
    order_policy: OrderPolicyName = OrderPolicyName.LOCK_STEP

    @property
    def symbols(self) -> tuple[str, ...]:
        """The traded symbols in the order of the command line, each once."""
        return tuple(dict.fromkeys(source.symbol for source in self.inputs))

    @property
    def watched_symbols(self) -> tuple[str, ...]:
        """The watched symbols in the order of the command line, each once."""
        return tuple(dict.fromkeys(source.symbol for source in self.watched))

    def deciding_settings(self) -> dict[str, str]:
        """Every setting, apart from the data, on which the trades depend, as text.

        Row limits and the clocks of files count as data. Paths, addresses and the speed do not affect the trades.
        """
        found = {
            "account_mode": self.account_mode.lower(),
            "balance": decimal_text(self.balance),
            "crossed": self.crossed,
            "currency": self.currency,
            "fills": load_fill_profile(self.fills).name,
            "leverage": str(self.leverage),
            "on_opposite": str(self.on_opposite),
            "plan": load_plan(self.plan, self.symbols).name,
            "risk": load_limits(self.risk).name,
            "seed": str(self.seed),
            "strategy": canonical_strategy(self.strategy, self.symbols),
            "symbol_map": ",".join(f"{desk}={broker}" for desk, broker in sorted(self.symbol_map.items())),
            "symbols": ",".join(self.symbols),
            "venue": "simulated",
            "volume": decimal_text(self.volume),
        }
        brokers_names = [self.symbol_map.get(symbol, symbol) for symbol in (*self.symbols, *self.watched_symbols)]
        if terms := load_instruments(self.instruments).terms_digest(brokers_names):
            found["instruments"] = terms
        if self.order_policy is not OrderPolicyName.LOCK_STEP:
            found["order_policy"] = self.order_policy.value
        if self.watched:
            found[WATCHED_SETTING] = ",".join(self.watched_symbols)
        if parameters := self._parameters_text():
            found["strategy_params"] = parameters
        if code := self.strategy_code():
            found[CODE_SETTING] = code
        if (manifest := self.model_manifest()) is not None:
            found["model"] = manifest.deciding_sha256()
        return found

    def given_parameters(self) -> tuple[GivenParameters, GivenParameters]:
        """The values of the strategies' parameters by level: those of the command line, then those of the plan.

        Raises:
            StartError: the values or the plan cannot be read.
        """
        return parse_parameters(self.strategy_params, source=OPTION), plan_parameters(self.plan)

    def _parameters_text(self) -> str:
        given = self.given_parameters()
        if not any(level.values for level in given):
            return ""
        return canonical_parameters(strategy_parameters(self.strategy, self.symbols, given))

    def strategy_code(self) -> str:
        """The code of the strategies that do not come with the desk: `NAME=DIGEST` by strategy; empty without any."""
        return strategy_codes(parse_strategies(self.strategy, self.symbols).values())

    def model_manifest(self) -> Manifest | None:
        """The manifest of the model of the run's strategy; None without a model.

        Raises:
            ModelError: the manifest cannot be read.
        """
        return read_manifest(self.model or DEFAULT_MODEL) if uses_model(self.strategy) else None

    def stream_id(self, data_sha256: str) -> str:
        """The stream id of the run: a hash of the data and of `deciding_settings`, which include the seed."""
        text = json.dumps([data_sha256, self.deciding_settings()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:STREAM_ID_CHARS]

    def load(self) -> TickStream:
        """Read and validate the data.

        Raises:
            TickFileError: a file cannot be read, or no row can be used.
        """
        return load_stream(
            self.inputs + self.watched,
            crossed=self.crossed,
            from_row=self.from_row,
            to_row=self.to_row,
            ticks_max=self.ticks_max,
        )

    def desk_config(self) -> DeskConfig:
        """Portfolio's configuration for the run."""
        limits, plan = load_limits(self.risk), load_plan(self.plan, self.symbols)
        return DeskConfig(
            symbols=self.symbols,
            watched=self.watched_symbols,
            default_volume=self.volume,
            on_opposite=self.on_opposite,
            limits=limits,
            settings=stream_settings(limits, plan, self.watched_symbols, self.strategy_code()),
            plan=plan,
        )

    def environment(self, stream_id: str, speed: str) -> dict[str, str]:
        """The settings of a replay's processes, with all that decide trades; the processes read no `.env`."""
        rows = {"MT5_FROM_ROW": self.from_row, "MT5_TO_ROW": self.to_row, "MT5_TICKS_MAX": self.ticks_max}
        return {
            "PAPERDESK_ENV_FILE": "",
            "TRADING_SYMBOL": ",".join(self.symbols),
            "WATCHED_SYMBOL": ",".join(self.watched_symbols),
            "STRATEGY": self.strategy,
            "STRATEGY_PARAMS": self.strategy_params,
            "STRATEGY_CODE": self.strategy_code(),
            "MODEL": "" if self.model is None else str(self.model.resolve()),
            "DEFAULT_VOLUME": decimal_text(self.volume),
            "ON_OPPOSITE": str(self.on_opposite),
            "RISK": self.risk if self.risk in RISK_SETS else str(Path(self.risk).resolve()),
            "PLAN": str(Path(self.plan).resolve()) if self.plan else "",
            "MT5_TICKS": ";".join(f"{source.path.absolute()}:{source.symbol}" for source in self.inputs + self.watched),
            "MT5_TICKS_ZONE": self.inputs[0].zone or "",
            "MT5_PACE": speed,
            "MT5_CROSSED": self.crossed,
            "MT5_BALANCE": decimal_text(self.balance),
            "MT5_CURRENCY": self.currency,
            "MT5_SEED": str(self.seed),
            "MT5_FILLS": self.fills if self.fills in PROFILES else str(Path(self.fills).resolve()),
            "MT5_INSTRUMENTS": str(instruments_path(self.instruments).resolve()) if self.instruments else "",
            "MT5_ACCOUNT_MODE": self.account_mode.lower(),
            "MT5_LEVERAGE": str(self.leverage),
            "MT5_STREAM_ID": stream_id,
            "MT5_SYMBOL_MAP": ",".join(f"{desk}={broker}" for desk, broker in self.symbol_map.items()),
            **{name: "" if value is None else str(value) for name, value in rows.items()},
        }
