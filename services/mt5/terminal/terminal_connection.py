"""The first connection to a terminal, with checks of account, symbols and server clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from common.errors import StartError
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.terminal.account_policy import AccountPolicy, Mode, mode_of
from services.mt5.terminal.mt5_types import Mt5Account, Mt5Api
from services.mt5.terminal.server_clock import ServerClock
from services.mt5.terminal.terminal_snapshot import (
    HISTORY_END_S,
    ConnectionParameters,
    SnapshotRequest,
    TerminalSnapshot,
    connect,
    take_snapshot,
)

ALL_HISTORY_S: Final = (0, HISTORY_END_S)


FUTURE_NS_MAX: Final = 900_000_000_000
"""A tick that is later than the host's clock by more than this shows that MT5_SERVER_ZONE is wrong."""


class TerminalSetup(NamedTuple):
    """A terminal's symbols (the desk's names), connection, account policy and clock."""

    symbols: tuple[str, ...]
    symbol_map: Mapping[str, str]
    connection: ConnectionParameters
    account_policy: AccountPolicy
    clock: ServerClock
    poll_ms: int
    accept_crossed: bool


class ConnectedTerminal(NamedTuple):
    """A connected terminal's account and first snapshot."""

    account: Mt5Account
    snapshot: TerminalSnapshot
    newest_msc: dict[str, int]
    """Server time of each symbol's newest tick, in milliseconds, by the broker's names."""

    @property
    def mode(self) -> Mode:
        """The mode in replies: `demo` or `live`."""
        return mode_of(self.account)

    @property
    def name(self) -> str:
        """The account's number as text."""
        return str(self.account.login)


def open_terminal(api: Mt5Api, setup: TerminalSetup, *, wall_ns: int) -> ConnectedTerminal:
    """Connect to the terminal, and check account, symbols and server zone.

    Args:
        api: the MetaTrader5 package.
        setup: the terminal's symbols, connection, account policy and clock.
        wall_ns: the host's clock, UTC.

    Raises:
        StartError: the terminal cannot be used, or account, symbols or server zone contradict the settings.
    """
    symbols = broker_names(setup)
    if not connect(api, setup.connection, symbols):
        number, text = api.last_error()
        missing = [name for name in symbols if api.symbol_info(name) is None] if number == 1 else []
        if missing:
            raise StartError(
                f"TRADING_SYMBOL: the broker has no {', '.join(missing)}; MT5_SYMBOL_MAP maps names that differ"
            )
        raise StartError(f"no connection to the terminal: {text} ({number}); expected it to run and be logged in")
    account = api.account_info()
    if account is None:
        raise StartError(f"the terminal has no account: {api.last_error()}; expected it to be logged in")
    trouble = setup.account_policy.violation(account)
    if trouble is not None:
        raise StartError(f"{trouble.code}: {trouble.message}")
    shown = take_snapshot(api, SnapshotRequest((), symbols, ALL_HISTORY_S), connection=setup.connection)
    missing = [name for name in symbols if name not in shown.symbols]
    if missing:
        raise StartError(
            f"TRADING_SYMBOL: the broker has no {', '.join(missing)}; MT5_SYMBOL_MAP maps names that differ"
        )
    if shown.rows is None:
        raise StartError(f"the terminal's orders and deals cannot be read: {shown.error}; expected it to be connected")
    newest = {}
    for name in symbols:
        tick = api.symbol_info_tick(name)
        if tick is not None and tick.time_msc:
            newest[name] = tick.time_msc
            if tick.time_msc * 1_000_000 - setup.clock.server_ns(wall_ns) > FUTURE_NS_MAX:
                problem = setup.clock.problem(tick.time_msc, wall_ns)
                assert problem is not None, (tick.time_msc, wall_ns)
                raise StartError(problem)
    return ConnectedTerminal(account, shown, newest)


def broker_names(setup: TerminalSetup) -> tuple[str, ...]:
    """The broker's names of the symbols of `setup`.

    Raises:
        StartError: the desk's name of one symbol is the broker's name of another.
    """
    symbols = SymbolMap(setup.symbol_map)
    names = [symbols.to_broker(symbol) for symbol in setup.symbols]
    unknown = [symbol for symbol, name in zip(setup.symbols, names, strict=True) if name is None]
    if unknown:
        raise StartError(f"MT5_SYMBOL_MAP: {', '.join(unknown)} is the broker's name of another symbol")
    return tuple(name for name in names if name is not None)
