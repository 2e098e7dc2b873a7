"""The desks whose folders are kept here: how each is started, asked and read, by whichever version stands in a checkout.

Commands and SQLite files are all that is used, and no module of the desk: both mean the same whatever the code is called inside.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
TIMEOUT_S: Final = 240.0

REPLAY_SETTINGS: Final = (
    *("--strategy", "EURUSD=xgboost,GBPUSD=ema_cross", "--plan", "plan.toml", "--risk", "limits.toml"),
    *("--on-opposite", "reverse", "--fills", "realistic", "--seed", "7", "--account-mode", "hedging"),
)
REPLAY: Final = ("replay", "ticks.parquet:EURUSD", "ticks.parquet:GBPUSD", *REPLAY_SETTINGS, "--json")

ENDED: Final = (
    *("backtest", "ticks.parquet:EURUSD", "--plan", "plan.toml", "--risk", "none", "--on-opposite", "reverse"),
    *("--fills", "realistic", "--json"),
)
FIRST: Final = ("--to-row", "1200")
LATER: Final = ("--from-row", "1201", "--continue")
"""What the ended desk has played, and what it goes on with."""

LIVE: Final = (
    *("run", "--symbols", "NZDUSD,USDSEK", "--seed", "11", "--account-mode", "netting"),
    *("--strategy", "NZDUSD=ema_cross,USDSEK=quiet:Quiet"),
    *("--plan", "plan.toml", "--risk", "limits.toml"),
)
LEVERAGE: Final = ("--leverage", "50")
"""What the live desk has been given since its last start, another than it had before."""

DATABASES: Final = ("ledger.db", "venue/journal.db", "venue/book.db", "signal/*.db")

_FIELD: Final = re.compile(r"[a-z][a-z0-9_]*")
"""How a field is called; what else stands as a key in a map is data: a symbol, a code, an id."""


def command(checkout: Path, *arguments: object) -> list[str]:
    """A command line of the version in a checkout, or of this one."""
    folder = Path(sys.executable).parent if checkout == ROOT else checkout / ".venv" / "bin"
    return [str(folder / "paperdesk"), *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    """What the desks here are run in: no `.env`, and `quiet.py` to be found."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MT5_", "PAPERDESK_"))}
    return {**outside, "PAPERDESK_ENV_FILE": "", "PYTHONPATH": str(HERE), **more}


def run(folder: Path, *arguments: object, checkout: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command in `folder` to its end."""
    return subprocess.run(
        command(checkout, *arguments),
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def _without_time_texts(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {name: _without_time_texts(item) for name, item in answer.items() if f"{name}_ns" not in answer}
    return [_without_time_texts(item) for item in answer] if isinstance(answer, list) else answer


def query_desk(folder: Path, *arguments: object, checkout: Path = ROOT, code: int = 0) -> Any:
    """JSON output of a command about the desk in `folder`, without the texts that later versions have beside times.

    Raises:
        AssertionError: it ended with another exit code.
    """
    done = run(folder, *arguments, "--data-dir", "desk", "--json", checkout=checkout)
    assert done.returncode == code, (arguments, done.returncode, done.stdout[-2_000:], done.stderr[-2_000:])
    return _without_time_texts(json.loads(done.stdout))


def same_in_every_run(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what may differ between two runs of the same."""
    return {name: value for name, value in report.items() if name not in ("timings", "mode")}


# ------------------------------------------------------------------------------------------------------ what files hold


def databases(desk: Path) -> list[Path]:
    """The files of a desk that an earlier version must have left readable, relative to its folder."""
    return [path.relative_to(desk) for pattern in DATABASES for path in sorted(desk.glob(pattern))]


def rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    """The rows of a stopped desk's file."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        return list(db.execute(statement))
    finally:
        db.close()


Shape = dict[str, set[str]]
"""What is stored, each by its place (a table, and in a column the type and the fields that lead there), with the names that it has."""


def shape(path: Path, *, besides: Path | None = None) -> Shape:
    """How what stands in a file is called, all of it or only what another has not: a table's columns, an object's fields.

    A field that is left at its default is among them.
    """
    found: Shape = {
        "pragmas": {f"{name} {rows(path, f'PRAGMA {name}')}" for name in ("application_id", "user_version")}
    }
    for (table,) in rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table'"):
        columns = [row[1] for row in rows(path, f'PRAGMA table_info("{table}")')]
        found[table] = set(columns)
        before = set() if besides is None else set(rows(besides, f'SELECT * FROM "{table}"'))
        for row in rows(path, f'SELECT * FROM "{table}"'):
            if row not in before:
                for column, value in zip(columns, row, strict=True):
                    _add_names(found, f"{table}.{column}", _decoded(value))
    return found


def missing(names: Shape, written: Shape) -> list[str]:
    """What is called otherwise: names of things that were written as well, but without those names."""
    return sorted(
        f"{place}: {name}" for place in names.keys() & written.keys() for name in names[place] - written[place]
    )


def _decoded(value: object) -> Any:
    """A column as what was encoded in it, JSON or MessagePack; None for one that holds neither."""
    for decode in (msgspec.json.decode, msgspec.msgpack.decode):
        if isinstance(value, bytes) or (isinstance(value, str) and value.startswith("{")):
            try:
                return decode(value.encode() if isinstance(value, str) else value)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
    return None


def _add_names(found: Shape, place: str, value: Any) -> None:
    if isinstance(value, dict):
        place += f"<{value['type']}>" if isinstance(value.get("type"), str) else ""
        fields = {name for name in value if isinstance(name, str) and _FIELD.fullmatch(name)}
        if fields:
            found.setdefault(place, set()).update(fields)
        for name, inner in value.items():
            _add_names(found, f"{place}.{name if name in fields else '*'}", inner)
    elif isinstance(value, list):
        for inner in value:
            _add_names(found, f"{place}[]", inner)
