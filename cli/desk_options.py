"""The options of `paperdesk run`, and the checks of them that need no slow library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from cli import options as o
from cli.run_options import check_leverage, check_seed
from common.errors import StartError
from common.project_root import DEFAULT_DATA_DIR, DESK_ROOT
from proto.trading.defaults import DEFAULT_LEVERAGE
from proto.trading.enums import AccountMode
from services.mt5.core.simulated.fill_model import REALISTIC
from services.portfolio.core.risk.limits import DEMO_LIMITS

DEFAULT_SYMBOLS: Final = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")
DURATION_MAX_S: Final = 1e9

DEFAULT_RISK: Final = DEMO_LIMITS.name
DEFAULT_FILLS: Final = REALISTIC.name


@dataclass(frozen=True, kw_only=True)
class DeskOptions:
    """The options of `paperdesk run`. None means that the setting applies, or else the default of `run`."""

    ticks: Annotated[
        list[str] | None,
        typer.Option("--ticks", metavar="FILE[:SYMBOL]", help="File of recorded ticks to play; repeatable."),
    ] = None
    symbol: o.Symbol = None
    zone: o.Zone = None
    utc_offset: o.UtcOffset = None
    symbols: Annotated[
        str | None,
        typer.Option(
            "--symbols",
            metavar="A,B,...",
            help="Symbols of the generated market.",
            show_default=f"the account's, or {','.join(DEFAULT_SYMBOLS)}",
        ),
    ] = None
    watch: Annotated[
        list[str] | None,
        typer.Option(
            "--watch",
            metavar="SYMBOL",
            help="Symbol quoted for conversion rates only, never traded; FILE:SYMBOL with --ticks; repeatable.",
        ),
    ] = None
    strategy: Annotated[str | None, o.with_default(o.STRATEGY, "the demo model")] = None
    param: Annotated[list[str] | None, o.PARAM] = None
    model: Annotated[Path | None, o.with_default(o.MODEL, "the demo model")] = None
    risk: Annotated[str | None, o.with_default(o.RISK, f"RISK, or {DEFAULT_RISK}")] = None
    plan: o.PlanFile = None
    seed: Annotated[int | None, o.with_default(o.SEED, "the account's")] = None
    data_dir: Annotated[
        Path | None,
        o.with_default(o.NEW_DATA_DIR, f"{DEFAULT_DATA_DIR.relative_to(DESK_ROOT)}; an account in it is continued"),
    ] = None
    notify: Annotated[
        Path | None,
        typer.Option(
            "--notify",
            metavar="FILE",
            help="File of targets and rules for alarms to people.",
            show_default="NOTIFY_FILE, or no alarms",
        ),
    ] = None
    duration: Annotated[float | None, typer.Option("--duration", metavar="SECONDS", help="Stop after this time.")] = (
        None
    )
    fills: Annotated[str | None, o.with_default(o.FILLS, f"MT5_FILLS, or {DEFAULT_FILLS}")] = None
    instruments: Annotated[str | None, o.with_default(o.INSTRUMENTS, "MT5_INSTRUMENTS")] = None
    account_mode: Annotated[
        AccountMode | None, o.with_default(o.ACCOUNT_MODE, "MT5_ACCOUNT_MODE, the account's, or netting")
    ] = None
    leverage: Annotated[int | None, o.with_default(o.LEVERAGE, f"MT5_LEVERAGE, or {DEFAULT_LEVERAGE}")] = None

    def check(self) -> None:
        """Refuse options that are out of range.

        Raises:
            StartError: an option is out of range; the text has its value and the range.
        """
        if self.duration is not None and not 0 < self.duration <= DURATION_MAX_S:
            raise StartError(
                f"--duration is {self.duration:g}, expected seconds above 0 and at most {DURATION_MAX_S:.0f}"
            )
        if self.seed is not None:
            check_seed(self.seed)
        if self.leverage is not None:
            check_leverage(self.leverage)

    def venue_options(self) -> dict[str, str | None]:
        """The values of the simulated venue's options, by option; None for an option that is not given."""
        return {
            "--fills": self.fills,
            "--instruments": self.instruments,
            "--account-mode": None if self.account_mode is None else self.account_mode.lower(),
            "--leverage": None if self.leverage is None else str(self.leverage),
        }
