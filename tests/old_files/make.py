"""Creation of the desks in the folders beside this file, with the version of a checkout.

    python -m tests.old_files.make CHECKOUT FOLDER

CHECKOUT must have its `.venv` (`make setup`). The command writes the desks `replay`, `ended` and `live` to FOLDER. The
first two have the same prices, orders and deals each time. The live desk depends on the times at which commands are
sent. The command takes some minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any, Final

import psutil
import zmq

from tests.old_files.desks import (
    ENDED,
    FIRST,
    LATER,
    LEVERAGE,
    LIVE,
    REPLAY,
    Shape,
    command,
    databases,
    environment,
    query_desk,
    rows,
    run,
    same_in_every_run,
    shape,
)
from tests.old_files.plans import ENDED_PLAN, LIVE_LIMITS, LIVE_PLAN, REPLAY_LIMITS, REPLAY_PLAN
from tests.support.waits import wait_for

STEP_S: Final = 120.0
QUERY_PAUSE_S: Final = 0.3

KILL_TICK_MIN: Final = 1400
"""First tick at which the gateway may be killed; about half of the ticks of the replay."""


def main() -> None:
    """Make all three desks."""
    checkout, folder = (Path(word).resolve() for word in sys.argv[1:3])
    make_replay(checkout, new(folder / "replay"))
    make_ended(checkout, new(folder / "ended"))
    make_live(checkout, new(folder / "live"))


def new(folder: Path) -> Path:
    """An empty folder; an existing one is deleted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


# ------------------------------------------------------------------------------------------------------------- a replay


def make_replay(checkout: Path, folder: Path) -> None:
    """Make a replay whose processes are all killed, and the result of the same replay without the kill."""
    (folder / "plan.toml").write_text(REPLAY_PLAN, encoding="utf-8")
    (folder / "limits.toml").write_text(REPLAY_LIMITS, encoding="utf-8")
    make_ticks(checkout, folder, symbols="EURUSD,GBPUSD", hours="0.2")
    with copied(folder) as whole:
        done = run(whole, *REPLAY, "--data-dir", "desk", checkout=checkout)
        assert done.returncode == 0, done.stderr
        end = end_of(whole, done.stdout, checkout)
    kill_a_replay_in_an_order(checkout, folder, [order["ordinal"] for order in end["orders"]])
    with copied(folder) as copy:
        done = run(copy, *REPLAY, "--continue", "--data-dir", "desk", checkout=checkout)
        assert done.returncode == 0, done.stderr
        assert end_of(copy, done.stdout, checkout) == end, "the continued replay ends otherwise than one without a kill"
    write(folder / "end.json", end)
    write(folder / "views.json", views(checkout, folder))


def make_ticks(checkout: Path, folder: Path, *, symbols: str, hours: str) -> None:
    """Make ticks with the generated market, so that no recording is needed."""
    arguments = ("ticks", "generate", "--symbols", symbols, "--hours", hours, "--seed", "3", "ticks.parquet")
    assert run(folder, *arguments, checkout=checkout).returncode == 0


def end_of(folder: Path, report: str, checkout: Path) -> dict[str, Any]:
    """The result of a replay."""
    return {
        "report": same_in_every_run(json.loads(report)),
        **{what: query_desk(folder, what, checkout=checkout) for what in ("orders", "deals")},
        "shapes": {str(path): listed(shape(folder / "desk" / path)) for path in databases(folder / "desk")},
    }


def listed(names: Shape) -> dict[str, list[str]]:
    """A shape with sorted lists in place of sets, for JSON."""
    return {place: sorted(found) for place, found in names.items()}


def kill_a_replay_in_an_order(checkout: Path, folder: Path, order_ticks: list[int]) -> None:
    """Kill a replay after the broker's commit of a new order, before portfolio has received the reply to the order.

    The crash point also fires at the fill or the end of an earlier order. Then the next tick is tried.

    Args:
        checkout: the version to run.
        folder: folder of the replay.
        order_ticks: the ticks of the orders of the undisturbed replay.
    """
    for tick in sorted({tick for tick in order_ticks if tick >= KILL_TICK_MIN}):
        kill_a_replay(checkout, folder, f"mt5.after_call@{tick}")
        with copied(folder) as copy:
            last_order = query_desk(copy, "orders", checkout=checkout)[-1]
        if last_order["ticket"] is None:
            return
        shutil.rmtree(folder / "desk")
    raise AssertionError(f"from tick {KILL_TICK_MIN} on, every kill was at the change of an earlier order")


def kill_a_replay(checkout: Path, folder: Path, crash_at: str) -> None:
    """Let the gateway die at a crash point, and kill all other processes before supervisord restarts the gateway."""
    with tempfile.TemporaryDirectory() as marks:
        faults = {"PAPERDESK_CRASH_AT": crash_at, "PAPERDESK_CRASH_DIR": marks}
        process = subprocess.Popen(
            command(checkout, *REPLAY, "--data-dir", "desk"),
            cwd=folder,
            env=environment(**faults),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(lambda: any(Path(marks).iterdir()), f"the gateway to reach {crash_at}", seconds=STEP_S)
        except AssertionError:
            process.terminate()
            process.wait()
            raise
        processes = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for how in (signal.SIGSTOP, signal.SIGKILL):
            for one in processes:
                with suppress(psutil.NoSuchProcess):
                    one.send_signal(how)
        process.wait()
        psutil.wait_procs(processes[1:], timeout=STEP_S)
    keep_only_data(folder / "desk")


def make_ended(checkout: Path, folder: Path) -> None:
    """Make a desk at the end of its ticks, and the result of continuing it with later ticks."""
    (folder / "plan.toml").write_text(ENDED_PLAN, encoding="utf-8")
    make_ticks(checkout, folder, symbols="EURUSD", hours="0.4")
    assert run(folder, *ENDED, *FIRST, "--data-dir", "desk", checkout=checkout).returncode == 0
    keep_only_data(folder / "desk")
    with copied(folder) as copy:
        done = run(copy, *ENDED, *LATER, "--data-dir", "desk", checkout=checkout)
        assert done.returncode == 0, done.stderr
        write(folder / "end.json", end_of(copy, done.stdout, checkout))
    write(folder / "views.json", views(checkout, folder, is_short=True))


# ---------------------------------------------------------------------------------------------------------- a live desk


def make_live(checkout: Path, folder: Path) -> None:
    """Make a live desk that has obeyed many commands, and was stopped with a position and a resting order."""
    (folder / "plan.toml").write_text(LIVE_PLAN, encoding="utf-8")
    (folder / "limits.toml").write_text(LIVE_LIMITS, encoding="utf-8")
    operator = Operator(checkout, folder)
    with running(checkout, folder):
        operator.wait_for_deals(3)
        operator.run_command("flatten", "--reason", "out of everything")
        operator.wait_until("nothing to be held", lambda: not operator.run_command("positions"))
    (folder / "desk" / "venue" / "journal.db").unlink()
    with running(checkout, folder):
        trade_by_hand(operator)
    trade_at_the_broker(checkout, folder)
    backed_up = run(folder, "backup", "--data-dir", "desk", "sunday.db", checkout=checkout)
    assert backed_up.returncode == 0, backed_up.stderr
    put_back = run(folder, "restore", "sunday.db", "--data-dir", "desk", checkout=checkout)
    assert put_back.returncode == 0, put_back.stderr
    (folder / "sunday.db").unlink()
    with running(checkout, folder, *LEVERAGE):
        operator.wait_for_deals(2)
        limit = ("--limit", "10.8", "--tif", "GTC", "--sl", "11.2", "--reason", "once more", "--key", "hand-10")
        operator.place_resting_order("sell", "USDSEK", "--volume", "0.03", *limit)
    in_flight = [
        order for order in query_desk(folder, "orders", "--open", checkout=checkout) if order["type"] != "LIMIT"
    ]
    assert not in_flight, f"the desk was stopped with orders in flight: {in_flight}; try again"
    keep_only_data(folder / "desk")
    write(folder / "views.json", views(checkout, folder))


class Operator:
    """Sends commands to a running desk, and waits until they have taken effect."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        self.checkout = checkout
        self.folder = folder

    def run_command(self, *arguments: str, code: int = 0) -> Any:
        """Run one command."""
        return query_desk(self.folder, *arguments, checkout=self.checkout, code=code)

    def resume(self, reason: str) -> None:
        """Send RESUME to the desk, as soon as it answers."""
        arguments = ("resume", "--reason", reason, "--data-dir", "desk")
        wait_for(
            lambda: not run(self.folder, *arguments, checkout=self.checkout).returncode,
            "the desk to answer",
            seconds=STEP_S,
        )

    def wait_until(self, what: str, condition: Callable[[], object]) -> None:
        """Wait until a condition holds."""
        wait_for(condition, what, seconds=STEP_S)

    def held(self, symbol: str) -> Any:
        """The positions in a symbol."""
        return [row for row in self.run_command("positions") if row["symbol"] == symbol]

    def order(self, order_id: str) -> Any:
        """The current state of an order."""
        return next(row for row in self.run_command("orders") if row["order_id"] == order_id)

    def place_resting_order(self, *arguments: str) -> str:
        """Place an order with a price away from the market; return its id when it rests at the venue."""
        order_id: str = self.run_command("order", *arguments)["order_ids"][0]
        self.wait_until("the order to rest", lambda: self.order(order_id)["status"] == "ACCEPTED")
        return order_id

    def modify_order(self, order_id: str, price: str, key: str) -> None:
        """Change the price of a resting order."""
        self.run_command("order", "modify", order_id, "--price", price, "--reason", "follow", "--key", key)
        self.wait_until("the change of an order", lambda: self.order(order_id)["limit_price"] == price)

    def wait_for_deals(self, count: int) -> None:
        """Wait until the desk has the given number of further deals."""
        before = len(deals(self.checkout, self.folder))
        self.wait_until("more deals", lambda: len(deals(self.checkout, self.folder)) >= before + count)


def trade_by_hand(operator: Operator) -> None:
    """Resume the halted desk, then place, change, cancel and close by hand, halt and resume; two orders are denied."""
    operator.resume("looked at the journal that is gone")
    stops = ("--sl", "10.2", "--tp", "10.9", "--trailing", "20000")
    operator.run_command("order", "buy", "USDSEK", "--volume", "0.07", *stops, "--reason", "yields", "--key", "hand-1")
    operator.wait_until("the order by hand to be filled", lambda: operator.held("USDSEK"))
    limit = ("--limit", "10.8", "--tif", "GTC", "--sl", "11.2", "--reason", "top of the range", "--key", "hand-2")
    operator.modify_order(operator.place_resting_order("sell", "USDSEK", "--volume", "0.03", *limit), "10.85", "hand-3")
    until = ("--stop", "11", "--expires", "2025-01-06T20:00Z", "--reason", "a break", "--key", "hand-4")
    stop = operator.place_resting_order("buy", "USDSEK", "--volume", "0.02", *until)
    operator.run_command("order", "cancel", stop, "--reason", "no break", "--key", "hand-5")
    operator.wait_until("the cancel", lambda: operator.order(stop)["status"] == "CANCELED")
    operator.run_command(
        "order", "modify", "--position", "USDSEK", "--tp", "10.95", "--reason", "more", "--key", "hand-6"
    )
    operator.run_command(
        "order", "buy", "USDSEK", "--volume", "7", "--reason", "far too much", "--key", "hand-7", code=1
    )
    operator.run_command("halt", "--reason", "news")
    operator.run_command(
        "order", "buy", "USDSEK", "--volume", "0.01", "--reason", "all the same", "--key", "hand-8", code=1
    )
    operator.run_command("close", "USDSEK", "--volume", "0.02", "--reason", "a part of it", "--key", "hand-9")
    operator.wait_until("the close of a part", lambda: operator.held("USDSEK")[0]["net_volume"] == "0.05")
    operator.run_command("halt", "--at-gateway", "--reason", "portfolio seemed gone")
    operator.run_command("resume", "--at-gateway", "--reason", "it was not")
    operator.run_command("reduce-only", "--reason", "still news")
    operator.resume("over")
    operator.wait_for_deals(2)
    operator.run_command("reconcile")


def trade_at_the_broker(checkout: Path, folder: Path) -> None:
    """Deposit and trade at the broker while the desk is stopped."""
    settings = {
        "PAPERDESK_DATA_DIR": str(folder / "desk"),
        "TRADING_SYMBOL": "NZDUSD,USDSEK",
        "MT5_MARKET": "generated",
        "MT5_SEED": "11",
        "MT5_PACE": "live",
        "MT5_FILLS": "realistic",
        "MT5_ACCOUNT_MODE": "netting",
        "MT5_FAULTS": "true",
    }
    with tempfile.TemporaryDirectory() as sockets, zmq.Context() as context, context.socket(zmq.REQ) as gateway:
        settings |= {
            "PAPERDESK_RUNTIME_DIR": sockets,
            "MT5_REQUEST_URL": f"ipc://{sockets}/gw.ipc",
            "MT5_PUBLISH_URL": f"ipc://{sockets}/ticks.ipc",
        }
        python = checkout / ".venv" / "bin" / "python"
        gateway.setsockopt(zmq.RCVTIMEO, int(STEP_S * 1_000))
        gateway.setsockopt(zmq.LINGER, 0)
        process = subprocess.Popen(
            [python, "-m", "services.mt5", "--venue", "simulated"],
            cwd=checkout,
            env=environment(**settings),
            stdout=subprocess.DEVNULL,
        )
        try:
            gateway.connect(settings["MT5_REQUEST_URL"])
            for fault in ("FOREIGN_ORDER", "BALANCE_DEAL"):
                gateway.send_json({"action": "SIMULATE", "fault": fault, "seed": 2})
                reply = gateway.recv_json()
                assert isinstance(reply, dict), reply
                assert reply["reply"] == "simulate", reply
        finally:
            process.terminate()
            assert process.wait(STEP_S) == 0


@contextmanager
def running(checkout: Path, folder: Path, *more: str) -> Iterator[None]:
    """Run the live desk for the length of the block; then interrupt it as an operator does."""
    process = subprocess.Popen(
        command(checkout, *LIVE, *more, "--data-dir", "desk"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: (folder / "desk" / "gateway.url").exists() or process.poll(), "the desk", seconds=STEP_S)
        yield
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=STEP_S)
        assert process.returncode in (0, 1), errors  # 1: the desk was halted
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def deals(checkout: Path, folder: Path) -> list[dict[str, Any]]:
    """The deals of a desk; waits `QUERY_PAUSE_S` seconds before the query, so that a loop does not query too often."""
    Event().wait(QUERY_PAUSE_S)
    if not (folder / "desk" / "ledger.db").is_file():
        return []
    found: list[dict[str, Any]] = query_desk(folder, "deals", checkout=checkout)
    return found


# ----------------------------------------------------------------------------------------------------------- kept data


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """Make a copy of a folder for the length of the block."""
    with tempfile.TemporaryDirectory() as place:
        yield Path(shutil.copytree(folder, Path(place) / folder.name))


def keep_only_data(desk: Path) -> None:
    """Keep only databases and keys: delete logs, locks and addresses, and checkpoint SQLite's write-ahead logs."""
    note = desk / "control.url"
    if note.is_file():  # killed processes have left their sockets
        shutil.rmtree(Path(note.read_text(encoding="utf-8").strip().removeprefix("ipc://")).parent, ignore_errors=True)
    for path in databases(desk):
        rows(desk / path, "PRAGMA wal_checkpoint(TRUNCATE)")
    kept = {*(desk / path for path in databases(desk)), *desk.glob("keys/*")}
    for path in sorted(desk.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):
                path.rmdir()
        elif path not in kept:
            path.unlink()


def views(checkout: Path, folder: Path, *, is_short: bool = False) -> list[dict[str, Any]]:
    """The output of every query of the stopped desk; with `is_short` only of `account` and `export`."""
    with copied(folder) as copy:

        def answer_to(*arguments: str) -> Any:
            return query_desk(copy, *arguments, checkout=checkout)

        orders, fills = answer_to("orders"), answer_to("deals")
        by_venue = [deal for deal in fills if deal["why"] in ("STOP_LOSS", "TAKE_PROFIT")]
        questions = [
            ("account",),
            ("orders",),
            ("deals",),
            ("positions",),
            ("risk", "--plan", "plan.toml", "--risk", "limits.toml" if (copy / "limits.toml").is_file() else "none"),
            ("export", "trades"),
            ("why", next(order["order_id"] for order in orders if order["status"] == "FILLED")),
            ("why", f"deal {[*fills, *by_venue][-1]['deal']}"),
            *(("why", symbol) for symbol in sorted({order["symbol"] for order in orders})),
            *(("why", "hand-7") for order in orders if order["key"] == "hand-1"),
        ]
        few = [arguments for arguments in questions if arguments[0] in ("account", "export")]
        return [
            {"command": list(arguments), "answer": answer_to(*arguments)}
            for arguments in (few if is_short else questions)
        ]


def write(path: Path, value: object) -> None:
    """Write JSON with sorted keys and indentation, so that two files are easy to compare."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + os.linesep, encoding="utf-8")


if __name__ == "__main__":
    main()
