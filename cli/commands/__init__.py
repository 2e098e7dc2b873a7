"""The commands, and their list in the order of the help.

A module has one command or a few related ones, in a typer application such as `cli.commands.status.app`. It is imported
only when one of its commands is run.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class CommandEntry(NamedTuple):
    """A command in the list of all commands; `module` is the name of its module in this package."""

    name: str
    module: str
    summary: str


COMMANDS: Final = {
    "Trade on simulated markets": (
        CommandEntry("run", "run", "Run the desk in real time on a simulated market"),
        CommandEntry("replay", "replay", "Replay recorded ticks through the processes"),
        CommandEntry("backtest", "backtest", "Backtest recorded ticks in one process"),
        CommandEntry("parity", "parity", "Compare a replay with a backtest, field by field"),
    ),
    "Query a desk": (
        CommandEntry("status", "status", "Show on one screen whether and how the desk trades"),
        CommandEntry("watch", "watch", "Show a running desk on a screen with pages and keys"),
        CommandEntry("orders", "views", "List orders"),
        CommandEntry("fills", "views", "List executions with their costs"),
        CommandEntry("deals", "views", "List executions and cash movements"),
        CommandEntry("positions", "views", "List open positions"),
        CommandEntry("account", "views", "Show the balance and the progress of the account"),
        CommandEntry("why", "views", "Explain an order, a fill, a denial, a rule or a symbol"),
        CommandEntry("risk", "risk", "Show the risk limits and their headroom; reset a rule"),
        CommandEntry("alerts", "alerts", "List alerts and whom they reached; acknowledge them"),
        CommandEntry("tap", "tap", "Show the messages between the processes"),
        CommandEntry("export", "export", "Write orders, fills, trades or equity to a file"),
    ),
    "Control a running desk": (
        CommandEntry("order", "orders", "Buy, sell, cancel or change an order by hand"),
        CommandEntry("close", "orders", "Close a position, all or part of it"),
        CommandEntry("halt", "trading_state", "Stop sending orders; keep positions"),
        CommandEntry("reduce-only", "trading_state", "Open nothing; allow closing"),
        CommandEntry("resume", "trading_state", "End a halt or reduce-only: trade again"),
        CommandEntry("flatten", "trading_state", "Halt, and close every position"),
    ),
    "Files of a desk": (
        CommandEntry("reconcile", "verify", "Compare the ledger with the venue"),
        CommandEntry("verify", "verify", "Check the hash chain and the totals of the ledger"),
        CommandEntry("backup", "backup", "Copy the ledger, also of a running desk"),
        CommandEntry("restore", "backup", "Replace the ledger of a stopped desk by a backup"),
        CommandEntry("migrate", "migrate", "Convert files of an earlier version"),
    ),
    "Ticks, symbols and models": (
        CommandEntry("ticks", "ticks", "Describe, convert or generate tick files"),
        CommandEntry("instruments", "instruments", "Export, show or check contract terms of symbols"),
        CommandEntry("strategy", "strategy", "List strategies and parameters; make a new one"),
        CommandEntry("train", "train", "Train an XGBoost model on recorded ticks"),
    ),
    "Settings and shell": (
        CommandEntry("init", "init", "Make the folder of an own desk"),
        CommandEntry("web", "web", "Users, tokens and one-time addresses of the page"),
        CommandEntry("notify", "notify", "Alarms to people: check rules, test a target"),
        CommandEntry("config", "config", "Show the settings in force and their sources"),
        CommandEntry("doctor", "doctor", "Find what is wrong with a desk, and say what to do"),
        CommandEntry("completion", "completion", "Print the completion script of a shell"),
    ),
    "Proofs": (
        CommandEntry("conformance", "conformance", "Test a gateway with the suite for all venues"),
        CommandEntry("chaos", "chaos", "Inject faults into a live desk and audit the result"),
        CommandEntry("chaos-truth", "chaos_truth", "Compare a desk's status and trading under lasting faults"),
        CommandEntry("chaos-replay", "chaos", "Compare a replay with kills and one without"),
        CommandEntry("chaos-alerts", "chaos_alerts", "Kill notify while it sends, and check what arrived"),
        CommandEntry("crash-points", "chaos", "Kill processes at every crash point"),
        CommandEntry("bit-flips", "chaos", "Flip single bits in copies of a desk's files"),
    ),
}
"""Every command under its heading, in the order of the help; name and summary fit on one line of 80 columns."""
