"""Data folders that were written by earlier versions can be opened, queried and continued.

Each folder in `tests/old_files` has the name of the version that wrote it, and has that version's answers to queries.
The tests use commands and processes and not the classes of the desk. A type, tag or field that is now stored under
another name therefore fails a test.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.old_files import desks
from tests.old_files.desks import HERE, databases, environment, missing, query_desk, rows, shape
from tests.support.waits import wait_for

VERSIONS: Final = ("335ded8",)
"""The folders of `tests/old_files`; a folder is added at each change of a storage format."""

DESKS: Final = ("replay", "ended", "live")
STEP_S: Final = 120.0
PARALLEL_COMMANDS: Final = 2


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Path:
    """The files of one version."""
    return HERE / str(request.param)


def copied(version: Path, desk: str, tmp_path: Path) -> Path:
    """A copy of a desk's folder, migrated; the original does not change."""
    folder = Path(shutil.copytree(version / desk, tmp_path / desk))
    done = desks.run(folder, "migrate", "desk")
    assert done.returncode == 0, done.stderr
    return folder


def json_of(path: Path) -> Any:
    return with_final_retcodes(json.loads(path.read_text(encoding="utf-8")))


FINAL_RETCODES: Final = {"FILLED": 10009, "PARTIALLY_FILLED": 10010}


def with_final_retcodes(answer: Any) -> Any:
    """An answer of an earlier version with the present retcodes: a filled order now has the retcode of its fill."""
    if isinstance(answer, list):
        return [with_final_retcodes(one) for one in answer]
    if not isinstance(answer, dict):
        return answer
    adapted = {name: with_final_retcodes(value) for name, value in answer.items()}
    if "retcode" in adapted and adapted.get("status") in FINAL_RETCODES:
        adapted["retcode"] = FINAL_RETCODES[adapted["status"]]
    steps = {step["name"]: step["facts"] for step in adapted.get("steps", ())}
    if "gateway" in steps and (final := FINAL_RETCODES.get(steps["order"]["status"])) is not None:
        steps["gateway"]["retcode"] = str(final)
    return adapted


def all_asked(folder: Path, *commands: Sequence[str]) -> list[Any]:
    """The answers of several commands, of which two run at a time: most of their time is the start of Python."""
    with ThreadPoolExecutor(PARALLEL_COMMANDS) as together:
        return list(together.map(lambda arguments: query_desk(folder, *arguments), commands))


# ------------------------------------------------------------------------------------------------------------ migration


EVERY_COMMAND: Final = (
    *(("account",), ("orders",), ("fills",), ("deals",), ("positions",), ("risk",), ("why", "EURUSD"), ("verify",)),
    *(("reconcile",), ("export", "trades", "--out", "trades.csv"), ("backup", "copy.db")),
)
"""Commands that read a stopped desk's ledger."""


def test_every_command_refuses_an_older_file_and_names_file_and_remedy(version: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(version / "ended", tmp_path / "ended"))
    before = contents(folder / "desk")
    with ThreadPoolExecutor(PARALLEL_COMMANDS) as together:
        goes_on = together.submit(desks.run, folder, *desks.ENDED, *desks.LATER, "--data-dir", "desk")
        runs = together.submit(desks.run, folder, "run", "--symbols", "EURUSD", "--data-dir", "desk", "--duration", "1")
        restores = together.submit(desks.run, folder, "restore", "desk/ledger.db", "--data-dir", ".")
        asks = together.map(lambda arguments: desks.run(folder, *arguments, "--data-dir", "desk"), EVERY_COMMAND)
        for done in (*asks, goes_on.result(), runs.result(), restores.result()):
            assert done.returncode == 2, done.args
            assert re.search(r"\w+\.db has schema version \d, expected \d; `paperdesk migrate", done.stderr), done.args
    assert contents(folder / "desk") == before, "nothing was changed"


@pytest.mark.parametrize("desk", DESKS)
def test_a_desk_is_migrated_with_every_row_and_a_backup(desk: str, version: Path, tmp_path: Path) -> None:
    old, folder = version / desk / "desk", copied(version, desk, tmp_path)
    for path in databases(old):
        [(number,)] = rows(Path(shutil.copy(old / path, tmp_path / "old.db")), "PRAGMA user_version")
        backup = (folder / "desk" / path).with_name(f"{path.name}.schema-{number}")
        assert content(backup) == content(tmp_path / "old.db")
        now = content(folder / "desk" / path)
        for table, stored in content(tmp_path / "old.db").items():
            if (
                table not in ("account", "cursor") or path.name != "ledger.db"
            ):  # the migration writes these rows with every field
                assert [row[: len(stored[0])] for row in now[table]] == stored, (path, table)
    again = desks.run(folder, "migrate", "desk", "--json")
    assert {file["backup"] for file in json.loads(again.stdout)["files"]} == {None}, (
        "the second migration changes nothing"
    )


def test_a_damaged_ledger_is_not_migrated(version: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(version / "ended", tmp_path / "ended"))
    ledger = folder / "desk" / "ledger.db"
    rows(ledger, "UPDATE events SET payload = CAST('{}' AS BLOB) WHERE number = 5")
    before = content(ledger)
    done = desks.run(folder, "migrate", "desk")
    assert done.returncode == 2
    assert "is not whole, nothing was changed: event 5 does not fit the chain" in done.stderr
    assert content(ledger) == before
    assert sorted(path.name for path in ledger.parent.glob("ledger.db.schema*")) == []


def content(path: Path) -> dict[str, list[Any]]:
    """Every row of a file, by table."""
    tables = rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    found = {table: rows(path, f"SELECT * FROM {table}") for (table,) in tables}
    return {table: stored for table, stored in found.items() if stored}


def contents(desk: Path) -> dict[Path, dict[str, list[Any]]]:
    return {path: content(desk / path) for path in databases(desk)}


# -------------------------------------------------------------------------------------------------------------- queries


@pytest.mark.parametrize("desk", DESKS)
def test_a_stopped_desk_is_intact_and_answers_as_the_earlier_version_did(
    desk: str, version: Path, tmp_path: Path
) -> None:
    folder = copied(version, desk, tmp_path)
    verified = query_desk(folder, "verify")
    assert (verified["problems"], verified["verified"]) == ([], True)
    assert verified["signature"] == "not signed: no process with a key has written to it"
    views = json_of(version / desk / "views.json")
    for view, answer in zip(views, all_asked(folder, *(view["command"] for view in views)), strict=True):
        expected = view["answer"]
        if view["command"][0] == "risk":  # the order of its rows is the order of the rules
            expected = [row if row["headroom"] else without_headroom(row) for row in in_present_words(expected)]
            answer, expected = sorted(answer, key=limit_of), sorted(expected, key=limit_of)
        assert with_fields_of(answer, expected) == expected, view["command"]


PRESENT_WORDS: Final = {"from the fresh middle": "from the latest mid", "orders let pass": "orders accepted"}
"""Phrases of limits in the stored answers, and what this version writes."""


def in_present_words(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Rows of `paperdesk risk` with the present phrases."""
    text = json.dumps(rows)
    for old, present in PRESENT_WORDS.items():
        text = text.replace(old, present)
    changed: list[dict[str, str]] = json.loads(text)
    return changed


def without_headroom(row: dict[str, str]) -> dict[str, str]:
    """A row without its headroom, which the earlier version left empty for more limits."""
    return {name: value for name, value in row.items() if name != "headroom"}


def limit_of(row: dict[str, str]) -> tuple[str, ...]:
    """The fields that identify a row of `paperdesk risk`."""
    return row["code"], row["subject"], row["limit"]


# --------------------------------------------------------------------------------------------------------- continuation


def test_a_killed_replay_continues_and_ends_like_one_without_the_kill(version: Path, tmp_path: Path) -> None:
    """All processes were killed while the gateway had an order without a reply."""
    folder = copied(version, "replay", tmp_path)
    before = Before(folder / "desk", tmp_path)
    done = desks.run(folder, *desks.REPLAY, "--speed", "max", "--continue", "--data-dir", "desk")
    assert done.returncode == 0, done.stderr
    before.assert_ended_like(json_of(version / "replay" / "end.json"), folder, done.stdout)
    before.assert_gone_on_with(folder / "desk")
    before.assert_checkpoint_used(folder / "desk")


def test_an_account_whose_ticks_have_ended_continues_with_later_ones(version: Path, tmp_path: Path) -> None:
    folder = copied(version, "ended", tmp_path)
    before = Before(folder / "desk", tmp_path)
    done = desks.run(folder, *desks.ENDED, *desks.LATER, "--data-dir", "desk")
    assert done.returncode == 0, done.stderr
    before.assert_ended_like(json_of(version / "ended" / "end.json"), folder, done.stdout)
    before.assert_gone_on_with(folder / "desk")


def test_a_live_desk_is_restarted_and_continues_to_trade(version: Path, tmp_path: Path) -> None:
    """The desk continues with its position, resting order and order numbers, and no process logs an error.

    The ledger's note of the host is deleted, so that the desk takes a new incarnation on every machine.
    """
    folder = copied(version, "live", tmp_path)
    rows(folder / "desk" / "ledger.db", ON_ANOTHER_HOST)
    before = Before(folder / "desk", tmp_path)
    answered = {" ".join(view["command"]): view["answer"] for view in json_of(version / "live" / "views.json")}
    orders, deals, positions, account = (answered[what] for what in ("orders", "deals", "positions", "account"))
    (resting,) = [order for order in orders if order["status"] == "ACCEPTED"]
    with running(folder):
        wait_for(lambda: is_up(folder), "the desk to trade", seconds=STEP_S)
        assert query_desk(folder, "reconcile")["differences"] == []
        (order_id,) = query_desk(folder, *NEW_ORDER)["order_ids"]
        again = query_desk(folder, *OLD_COMMAND)
        wait_for(lambda: status_of(folder, order_id) == "ACCEPTED", "a new order to rest", seconds=STEP_S)
        wait_for(lambda: len(query_desk(folder, "deals")) > len(deals), "the strategy to trade", seconds=STEP_S)
    new, booked, standing, now, verified = all_asked(
        folder, ["orders"], ["deals"], ["positions"], ["account"], ["verify"]
    )
    assert again["order_ids"] == [order["order_id"] for order in orders if order["key"] == "hand-1"]
    assert with_fields_of(new[: len(orders)], orders) == orders
    assert [order["number"] for order in new] == list(range(1, len(new) + 1))
    assert len({order["order_id"] for order in new}) == len(new) > len(orders)
    assert resting in with_fields_of(new, [resting] * len(new))
    assert with_fields_of(booked[: len(deals)], deals) == deals
    for what in ("net_volume", "lots", "guards"):
        assert with_fields_of(held(standing, what), held(positions, what)) == held(positions, what)
    assert (now["stream_id"], now["trading_state"]) == (account["stream_id"], "ACTIVE")
    assert now["processed"] > account["processed"]
    assert (verified["problems"], verified["verified"]) == ([], True)
    assert verified["signature"].startswith("signed up to event "), "the ledger was signed at the first start"
    assert errors(folder / "desk" / "logs") == []
    before.assert_gone_on_with(folder / "desk")
    before.assert_checkpoint_used(folder / "desk")
    assert set(rows(folder / "desk" / "ledger.db", NOTES)) >= set(rows(before.desk / "ledger.db", NOTES))


NEW_ORDER: Final = (
    *("order", "sell", "USDSEK", "--volume", "0.01", "--limit", "10.99", "--tif", "GTC"),
    *("--reason", "goes on", "--key", "new-1"),
)
OLD_COMMAND: Final = (
    *("order", "buy", "USDSEK", "--volume", "0.07", "--sl", "10.2", "--tp", "10.9", "--trailing", "20000"),
    *("--reason", "yields", "--key", "hand-1"),
)
"""The command that opened the position; a repetition must have the same answer."""


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Run the live desk during the block; at its end ledger and venue must agree."""
    process = subprocess.Popen(
        desks.command(desks.ROOT, *desks.LIVE, *desks.LEVERAGE, "--data-dir", "desk"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: (folder / "desk" / "gateway.url").exists() or process.poll(), "the start", seconds=STEP_S)
        yield
        process.send_signal(signal.SIGINT)
        output, error_output = process.communicate(timeout=STEP_S)
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=STEP_S)
    assert process.returncode == 0, (output, error_output)


def is_up(folder: Path) -> bool:
    """Whether the running desk answers; until then the command reads the ledger and writes a note to stderr."""
    done = desks.run(folder, "account", "--data-dir", "desk", "--json")
    return done.returncode == 0 and not done.stderr


def status_of(folder: Path, order_id: str) -> Any:
    return next(order["status"] for order in query_desk(folder, "orders") if order["order_id"] == order_id)


SENTENCES = frozenset({"summary", "words", "valid", "what would have to change"})
"""Fields of `paperdesk why` that contain sentences: only their values may differ between versions."""


def with_fields_of(answer: Any, earlier: Any) -> Any:
    """A present answer with only the fields of an earlier version's answer, and with the earlier `SENTENCES`."""
    if isinstance(answer, dict) and isinstance(earlier, dict):
        kept = {name: with_fields_of(value, earlier[name]) for name, value in answer.items() if name in earlier}
        return kept | {name: earlier[name] for name in kept if name in SENTENCES}
    if isinstance(answer, list) and isinstance(earlier, list) and len(answer) == len(earlier):
        return [with_fields_of(one, other) for one, other in zip(answer, earlier, strict=True)]
    return answer


def held(positions: list[dict[str, Any]], what: str) -> Any:
    """A field of the position in the symbol that the strategy does not trade."""
    return next(row[what] for row in positions if row["symbol"] == "USDSEK")


def errors(logs: Path) -> list[str]:
    """Errors in the processes' logs; warnings may be due to a slow machine."""
    lines = [line for log in sorted(logs.glob("*.log")) for line in log.read_text(encoding="utf-8").splitlines()]
    found = [json.loads(line) for line in lines if line.startswith("{")]
    assert found
    return [str(line) for line in found if line["level"] in ("error", "critical")]


# ------------------------------------------------------------------------------------------------------ earlier content


class Before:
    """The content of a desk's files before a run."""

    def __init__(self, desk: Path, tmp_path: Path) -> None:
        """Read a copy of the files, because SQLite writes to a file that was not closed."""
        self.desk = desk = Path(shutil.copytree(desk, tmp_path / "before"))
        self.events = rows(desk / "ledger.db", EVENTS)
        self.deals = len(rows(desk / "venue" / "book.db", DEALS))
        self.ended_orders = next(
            (number for number, (wait,) in enumerate(rows(desk / "venue" / "book.db", WAITS)) if wait != "NOTHING"),
            len(rows(desk / "venue" / "book.db", WAITS)),
        )
        self.entries = {row[0] for row in rows(desk / "venue" / "journal.db", ENTRIES)}
        self.signals = {path: rows(desk / path, SIGNALS) for path in databases(desk) if path.parts[0] == "signal"}

    def assert_gone_on_with(self, desk: Path) -> None:
        """Require that old events and order ids are kept, new ones exist, and only names in `GONE` are missing."""
        events = rows(desk / "ledger.db", EVENTS)
        assert events[: len(self.events)] == self.events
        assert len(events) > len(self.events)
        assert self.entries < {row[0] for row in rows(desk / "venue" / "journal.db", ENTRIES)}
        assert databases(desk) == databases(self.desk)
        for path in databases(desk):
            lost = missing(shape(self.desk / path), shape(desk / path, without=self.desk / path))
            assert set(lost) <= GONE, path

    def assert_checkpoint_used(self, desk: Path) -> None:
        """Require that the saved signals are still stored: signal deletes a checkpoint that it cannot use."""
        assert self.signals
        for path, saved in self.signals.items():
            found = rows(desk / path, SIGNALS)
            assert found[: len(saved)] == saved
            assert len(found) > len(saved) > 0

    def assert_ended_like(self, end: dict[str, Any], folder: Path, report: str) -> None:
        """Require as many ticks as in the earlier version's run, agreement with the venue, and unchanged earlier rows.

        Later deals may differ, because the simulated venue of this version fills differently.
        """
        for what, count in (("orders", self.ended_orders), ("deals", self.deals)):
            before, now = end[what][:count], query_desk(folder, what)
            assert with_fields_of(now[:count], before) == before
            assert len(now) > count > 0
        found = json.loads(report)
        assert {name: found[name] for name in SAME} == {name: end["report"][name] for name in SAME}
        assert (found["reconciled"], found["differences"]) == (True, [])
        assert end["report"].keys() <= found.keys()
        for path, names in end["shapes"].items():
            expected = {place: set(found) for place, found in names.items() if place != "pragmas"}
            assert set(missing(expected, shape(folder / "desk" / path, without=self.desk / path))) <= GONE, path


_TERMS: Final = "account.payload.instruments[]<instrument_learned>.instrument"
GONE: Final = {
    *("orders.payload: matched_price", "orders.payload: matched_volume"),
    *(f"{_TERMS}: {name}" for name in ("swap_long_points", "swap_short_points", "swap_triple_weekday")),
    f"{_TERMS}: commission_per_lot",
}
"""Stored names that may be missing: fields that an order loses with its report, and terms that now have own rows."""

SAME: Final = ("data_sha256", "settings", "simulated", "strategy", "stream_id", "symbols", "ticks")
"""Fields of a report that do not depend on the venue's fills."""

DEALS: Final = "SELECT deal FROM deals"
WAITS: Final = "SELECT json_extract(payload, '$.wait') FROM orders ORDER BY ticket"
ON_ANOTHER_HOST: Final = "DELETE FROM meta WHERE name = 'host_boot'"
NOTES: Final = "SELECT name FROM meta ORDER BY name"
EVENTS: Final = "SELECT number, hash, payload FROM events ORDER BY number"
ENTRIES: Final = "SELECT order_id FROM entries"
SIGNALS: Final = "SELECT save, last_ordinal, body FROM signals ORDER BY save"
