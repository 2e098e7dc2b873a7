"""Commands and queries for the desks in the folders beside this file, run with the version of any checkout.

The code uses only commands and SQLite files, which are the same in every version, and no module of the desk.
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
"""Options with which the ended desk continues: the rows after those that it has processed."""

LIVE: Final = (
    *("run", "--symbols", "NZDUSD,USDSEK", "--seed", "11", "--account-mode", "netting"),
    *("--strategy", "NZDUSD=ema_cross,USDSEK=quiet:Quiet"),
    *("--plan", "plan.toml", "--risk", "limits.toml"),
)
LEVERAGE: Final = ("--leverage", "50")
"""Options of the last start of the live desk; they change its leverage."""

DATABASES: Final = ("ledger.db", "venue/journal.db", "venue/book.db", "signal/*.db")

_FIELD: Final = re.compile(r"[a-z][a-z0-9_]*")
"""Pattern of the name of a field. Any other key of a map is data, such as a symbol, a code or an id."""


def command(checkout: Path, *arguments: object) -> list[str]:
    """The command line that runs a command of the version in a checkout."""
    folder = Path(sys.executable).parent if checkout == ROOT else checkout / ".venv" / "bin"
    return [str(folder / "paperdesk"), *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    """The environment of every desk here: without `.env`, and with the folder of `quiet.py` in the Python path."""
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
    """JSON output of a command for the desk in `folder`, without the texts of times that later versions add.

    Raises:
        AssertionError: the command ended with another exit code.
    """
    done = run(folder, *arguments, "--data-dir", "desk", "--json", checkout=checkout)
    assert done.returncode == code, (arguments, done.returncode, done.stdout[-2_000:], done.stderr[-2_000:])
    return _without_time_texts(json.loads(done.stdout))


def same_in_every_run(report: dict[str, Any]) -> dict[str, Any]:
    """A report without the fields that differ between two runs of the same replay."""
    return {name: value for name, value in report.items() if name not in ("timings", "mode")}


# ------------------------------------------------------------------------------------------------------ what files hold


def databases(desk: Path) -> list[Path]:
    """The files of a stopped desk that a later version must be able to read, relative to its folder."""
    return [path.relative_to(desk) for pattern in DATABASES for path in sorted(desk.glob(pattern))]


def rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    """The rows that an SQL statement returns from a file of a stopped desk."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        return list(db.execute(statement))
    finally:
        db.close()


Shape = dict[str, set[str]]
"""Names of fields by their place in a file.

A place is a table, or an object in a column. A table has the names of its columns. An object has the names of its
fields; its place consists of the column, the path in the column, and the object's type.
"""


def shape(path: Path, *, without: Path | None = None) -> Shape:
    """The names of all columns in a file, and of the fields in its rows, except for rows that `without` has too."""
    found: Shape = {
        "pragmas": {f"{name} {rows(path, f'PRAGMA {name}')}" for name in ("application_id", "user_version")}
    }
    for (table,) in rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table'"):
        columns = [row[1] for row in rows(path, f'PRAGMA table_info("{table}")')]
        found[table] = set(columns)
        before = set() if without is None else set(rows(without, f'SELECT * FROM "{table}"'))
        for row in rows(path, f'SELECT * FROM "{table}"'):
            if row not in before:
                for column, value in zip(columns, row, strict=True):
                    _add_names(found, f"{table}.{column}", _decoded(value))
    return found


def missing(names: Shape, written: Shape) -> list[str]:
    """Names of `written` that `names` lacks, in the places that both shapes have."""
    return sorted(
        f"{place}: {name}" for place in names.keys() & written.keys() for name in names[place] - written[place]
    )


def _decoded(value: object) -> Any:
    """The decoded JSON or MessagePack in a column; None if the column has neither."""
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
