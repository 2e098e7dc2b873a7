"""Errors of the MetaTrader5 package, as `last_error` numbers them, with what to do about each.

docs/terminal.md shows the rows of `TABLE`. MetaQuotes documents -10003 for a connection that cannot be made, too; the
package returns -10004 for it.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class TerminalError(NamedTuple):
    """One error: number, MetaQuotes' name without `RES_E_`, meaning, and what to do."""

    number: int
    name: str
    meaning: str
    action: str

    @property
    def code(self) -> str:
        """The error as a code for programs, such as TERMINAL_10005."""
        return f"TERMINAL_{-self.number}"


_ONE_SESSION: Final = "Run the terminal and the gateway as one Windows user in one session, without elevated rights."

TABLE: Final = (
    TerminalError(-1, "FAIL", "The call failed, without a known reason.", "Read the terminal's journal."),
    TerminalError(
        -2, "INVALID_PARAMS", "An argument is invalid.", "Check MT5_LOGIN, MT5_PATH and the names in MT5_SYMBOL_MAP."
    ),
    TerminalError(-3, "NO_MEMORY", "The host has too little memory.", "End other programs, or add memory."),
    TerminalError(
        -4,
        "NOT_FOUND",
        "The terminal has not found what was requested.",
        "Check the symbols in Market Watch; wait until the history is loaded.",
    ),
    TerminalError(
        -5,
        "INVALID_VERSION",
        "Package and terminal have different versions.",
        "Update the terminal, and run `pip install --upgrade MetaTrader5`.",
    ),
    TerminalError(
        -6,
        "AUTH_FAILED",
        "The terminal could not log in to the account.",
        "Check MT5_LOGIN, MT5_PASSWORD and MT5_SERVER, or log in by hand once; a demo account may have expired.",
    ),
    TerminalError(
        -7, "UNSUPPORTED", "The terminal does not support this function.", "Update the terminal; use no MetaTrader 4."
    ),
    TerminalError(
        -8,
        "AUTO_TRADING_DISABLED",
        "The terminal does not allow programs to trade.",
        "Switch on Algo Trading in the terminal's toolbar.",
    ),
    TerminalError(-10000, "INTERNAL_FAIL", "The connection to the terminal failed.", "Restart the terminal."),
    TerminalError(
        -10001, "INTERNAL_FAIL_SEND", "A request could not be sent to the terminal.", "Restart the terminal."
    ),
    TerminalError(
        -10002, "INTERNAL_FAIL_RECEIVE", "An answer of the terminal could not be read.", "Restart the terminal."
    ),
    TerminalError(
        -10003,
        "INTERNAL_FAIL_INIT",
        "The terminal cannot be started or reached.",
        f"Start the terminal by hand, and check MT5_PATH. {_ONE_SESSION}",
    ),
    TerminalError(
        -10004,
        "INTERNAL_FAIL_CONNECT",
        "There is no connection to the terminal, which was closed or restarted.",
        f"Start the terminal. {_ONE_SESSION}",
    ),
    TerminalError(
        -10005,
        "INTERNAL_FAIL_TIMEOUT",
        "The terminal did not answer in time.",
        "Close dialogs of the terminal, such as those of a login or an update. If it lasts, restart it, or increase "
        "MT5_TERMINAL_TIMEOUT_MS.",
    ),
)
"""All documented errors by number."""

_BY_NUMBER: Final = {row.number: row for row in TABLE}


def of(number: int) -> TerminalError | None:
    """The row of an error; None for a number that is not in the table."""
    return _BY_NUMBER.get(number)
