"""Every command of README and docs, except those of `NOT_RUN`, is run as written, in one folder for each page.

The commands of a page are run from top to bottom. The test makes the files that the page assumes: a day of the
generated market as `eurusd.parquet`, a broker's export, and a strategy. For a page with commands of `BY_HAND`, the test
starts a desk.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from common.project_root import PROJECT_ROOT
from tests.support.command_line import PAPERDESK, TIMEOUT_S, paperdesk
from tests.support.commands import commands_by_words
from tests.support.waits import wait_for

PAGES: Final = (PROJECT_ROOT / "README.md", *sorted((PROJECT_ROOT / "docs").glob("*.md")))
ELSEWHERE: Final = {"own-desk.md": "its commands are run in the desk that it makes: tests/system/test_own_desk.py"}
"""Pages whose commands another test runs, each with the reason."""

PROGRAMS: Final = (
    "paperdesk",
    "make",
    "docker",
    "docker-compose",
    "curl",
    ".venv/bin/paperdesk",
    ".venv/bin/supervisord",
)

NOT_RUN: Final = {
    "make": "changes this checkout or runs these tests; a test calls each target with `make -n`",
    "curl": "needs the HTTP API of a running desk and a token: tests/system/test_web_api.py runs it",
    "docker-compose": "needs a Docker Engine: tests/docker runs it",
    ".venv/bin/supervisord": "uses this checkout's var/: tests/system/test_trading_vm.py runs it",
    "paperdesk run  #": "uses the account in this checkout's var/: tests/system/test_run.py runs other desks",
    "paperdesk notify receive": "waits for messages: tests/unit/cli/commands/test_notify.py runs it",
    "paperdesk notify test": "needs a service that accepts it: tests/unit/cli/commands/test_notify.py runs it",
    "paperdesk run --notify": "tests/system/test_alarms.py runs such a desk",
    "paperdesk watch": "runs until a key: tests/system/test_watch.py types the keys",
    "paperdesk conformance": "needs the gateway of a terminal at a broker",
    "paperdesk train eurusd.parquet --symbol EURUSD --out models/eurusd": "needs a week of quotes that is not shipped",
    "paperdesk parity eurusd.parquet --symbol EURUSD --from-row 337701": "needs the model of the train command",
}
"""Beginnings of commands that are not run, each with the reason."""

EXIT_CODES: Final = {"paperdesk status --data-dir desk": 1, "paperdesk replay eurusd.parquet\n": 2}
"""Beginnings of commands that the page shows with an exit code other than 0, and this code."""

BY_HAND: Final = ("tap", "order", "close", "halt", "resume", "flatten", "reduce-only", "risk reset")
"""Commands that need a running desk."""

NO_COMMANDS: Final = ("xgboost classes", "mt5: ")
"""Beginnings of texts after `paperdesk` that are no commands: the `kind` of a model, and an error line of a service."""

ORDER_ID: Final = "0123abcd-000017"
"""The id on the pages that stands for the id of a resting order."""

BROKERS_EXPORT: Final = """<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>
2025.01.06\t10:00:00.100\t1.03080\t1.03083\t\t\t6
2025.01.06\t10:00:00.900\t1.03081\t1.03084\t\t\t6
2025.01.06\t10:00:01.350\t1.03079\t1.03083\t\t\t6
"""

STRATEGIES_MODULE: Final = "mine"
STRATEGIES: Final = '''
class Quiet:
    """Always signals HOLD, so that orders by hand stay."""

    name = "quiet"
    warm_up_ticks = 0

    def on_tick(self, window, bid, ask, time_ns):
        return 0, 0.0

    def snapshot(self):
        return b""

    def restore(self, state):
        pass


class Flip(Quiet):
    """Changes its direction every 50 ticks."""

    name = "flip"
    seen = 0

    def on_tick(self, window, bid, ask, time_ns):
        self.seen += 1
        return (1 if self.seen // 50 % 2 else -1), 0.75

    def snapshot(self):
        return self.seen.to_bytes(8, "little")

    def restore(self, state):
        self.seen = int.from_bytes(state, "little")
'''


class Command(NamedTuple):
    """A command, its page and line, and the output that the page shows below it."""

    page: Path
    line: int
    text: str
    output: str


def commands_of(page: Path) -> list[Command]:
    """The commands in code blocks, fenced or indented."""
    found: list[Command] = []
    fence, is_console, is_output = "", False, False
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        if line.startswith("```"):
            fence, is_console, is_output = ("" if fence else "```"), line == "```console" and not fence, False
            continue
        if not fence and not line.startswith("    "):
            continue
        text = line.strip() if not fence else line
        if text.startswith("$ ") if is_console else _is_command(text):
            text = text.removeprefix("$ ")
            last = number
            while text.endswith("\\"):
                text = text[:-1] + lines[last].strip()
                last += 1
            found.append(Command(page, number, text + "\n", ""))
            is_output = is_console
        elif is_output and text:
            found[-1] = found[-1]._replace(output=found[-1].output + text + "\n")
    return found


def _is_command(text: str) -> bool:
    words = text.split()
    return bool(words) and words[0] in PROGRAMS and "…" not in text


def not_run_entry(command: Command) -> str:
    """The key of `NOT_RUN` with which a command begins; empty if none. More blanks before a comment count as two."""
    text = re.sub(r" {2,}#", "  #", command.text)
    return next((start for start in NOT_RUN if text.startswith(start)), "")


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tick file that README generates with `paperdesk ticks generate`."""
    path = tmp_path_factory.mktemp("market") / "eurusd.parquet"
    done = paperdesk("ticks", "generate", "--symbols", "EURUSD", "--hours", 24, "--seed", 1, path)
    assert done.returncode == 0, done
    return path


@contextmanager
def a_running_desk(folder: Path) -> Iterator[Path]:
    """A desk for a page's orders by hand: its strategy always signals HOLD, and orders per second have no limit."""
    limits = folder / "as-fast-as-a-page.toml"
    limits.write_text('orders_per_second_max = "none"\n')
    options = (
        "--symbols",
        "EURUSD",
        "--strategy",
        "mine:Quiet",
        "--risk",
        str(limits),
        "--data-dir",
        str(folder / "live"),
    )
    line = [str(PAPERDESK), "run", *options]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    process = subprocess.Popen(line, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _has_decided(folder / "live"), "a quote of its market", seconds=TIMEOUT_S)
        yield folder / "live"
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(TIMEOUT_S)
        finally:
            process.kill()


def _has_decided(live: Path) -> bool:
    done = paperdesk("account", "--data-dir", live, "--json")
    return done.returncode == 0 and json.loads(done.stdout)["processed"] > 0


def run_as_written(command: Command, folder: Path, live: Path | None) -> None:
    text = command.text
    environment = {**os.environ, "PATH": f"{PAPERDESK.parent}:{os.environ['PATH']}", "PAPERDESK_ENV_FILE": ""}
    if live is not None and _is_by_hand(command):
        environment["PAPERDESK_DATA_DIR"] = str(live)
        if ORDER_ID in text:
            text = text.replace(ORDER_ID, _resting_order(live))
        if text.startswith(("paperdesk close", "paperdesk order modify --position")):
            wait_for(lambda: "EURUSD" in _held(live), "the fill of an earlier order on the page", seconds=TIMEOUT_S)
    done = subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    expected = next((code for start, code in EXIT_CODES.items() if text.startswith(start)), 0)
    where = f"{command.page.name}:{command.line}: {command.text}"
    assert "Traceback" not in done.stderr, f"{where}{done.stderr}"
    if command.output.startswith("DENIED"):
        return  # the output on the page is only an example
    assert done.returncode == expected, f"{where}{done.stdout}{done.stderr}"
    output = _comparable(done.stdout or done.stderr)
    assert output.startswith(_comparable(command.output)), (
        f"{where}{output}"
    )  # the page may show only the beginning of the output


def _is_by_hand(command: Command) -> bool:
    return command.text.removeprefix("paperdesk ").startswith(BY_HAND)


def _held(live: Path) -> str:
    return paperdesk("positions", "--data-dir", live, "--json").stdout


def _resting_order(live: Path) -> str:
    done = paperdesk(
        "order", "sell", "EURUSD", "--volume", "0.01", "--limit", "1.2", "--reason", "x", "--data-dir", live
    )
    assert done.returncode == 0, done
    found = re.search(r"[0-9a-f]{8}-\d{6}", done.stdout)
    assert found is not None, done
    order_id = found.group()
    wait_for(
        lambda: (
            f'"{order_id}"' in paperdesk("orders", "--open", "--json", "--data-dir", live).stdout.replace("PENDING", "")
        ),
        "the order to rest",
        seconds=TIMEOUT_S,
    )
    return order_id


def _comparable(output: str) -> str:
    """The output without the parts that differ between runs: durations, the widths of tables, and random keys."""
    output = re.sub(r"key [0-9a-f]{16}", "key", output)
    lines = [re.sub(r"([ ━─])\1+", r"\1", line).rstrip() for line in output.splitlines()]
    return "\n".join(line for line in lines if not re.match(r"│ (duration|speed) ", line)).strip()


def _write_plans(page: Path, folder: Path) -> None:
    """Write the files whose content is on a page, with their name in the first line, such as `# plan.toml: ...`."""
    for name, text in re.findall(
        r"^```toml\n# ([a-z_]+\.toml):?(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S
    ):
        (folder / name).write_text(f"# {text}")


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name not in ELSEWHERE and any(not not_run_entry(one) for one in commands_of(page))],
    ids=lambda page: page.name,
)
def test_every_command_of_a_page_runs_as_it_is_written(page: Path, market: Path, tmp_path: Path) -> None:
    commands = [one for one in commands_of(page) if not not_run_entry(one)]
    (tmp_path / f"{STRATEGIES_MODULE}.py").write_text(STRATEGIES)
    (tmp_path / "EURUSD.csv").write_text(BROKERS_EXPORT)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "paperdesk").symlink_to(PAPERDESK)
    _write_plans(page, tmp_path)
    if not any(re.search(r"(generate|convert) .*eurusd\.parquet", one.text) for one in commands):
        (tmp_path / "eurusd.parquet").symlink_to(market)
    if commands[0].text.startswith("paperdesk reconcile --data-dir desk"):
        done = paperdesk(
            "replay", f"{market}:EURUSD", "--ticks", 500, "--speed", "max", "--data-dir", tmp_path / "desk"
        )
        assert done.returncode == 0, done
    if any(map(_is_by_hand, commands)):
        with a_running_desk(tmp_path) as live:
            for command in commands:
                run_as_written(command, tmp_path, live)
    else:
        for command in commands:
            if command.text.startswith("paperdesk run "):
                run_until_it_trades(command, tmp_path)
            else:
                run_as_written(command, tmp_path, None)


def run_until_it_trades(command: Command, folder: Path) -> None:
    environment = {**os.environ, "PATH": f"{PAPERDESK.parent}:{os.environ['PATH']}", "PAPERDESK_ENV_FILE": ""}
    line = ["bash", "-c", f"exec {command.text}"]
    process = subprocess.Popen(line, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert any(" TRADING " in line for line in process.stdout), command
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
    assert process.returncode == 0, command


def test_commands_and_options_in_prose_exist() -> None:
    """A word in capitals, such as in `paperdesk risk reset RULE --symbol S`, stands for any value."""
    known = options_by_command()
    for page in (*PAGES, PROJECT_ROOT / "proto" / "PROTOCOL.md"):
        for text in re.findall(r"`paperdesk ([a-z][a-z-]*[^`]*)`", page.read_text(encoding="utf-8")):
            if text.startswith(NO_COMMANDS):
                continue
            words = text.split()
            starts = (" ".join(words[:count]) for count in (3, 2, 1))
            command = next((start for start in starts if start in known), words[0])
            assert command in known or f"{command} " in " ".join(known), f"{page.name}: paperdesk {text}"
            named = set(re.findall(r"--[a-z-]+", text))
            assert named <= known.get(command, named), f"{page.name}: paperdesk {text}"


def options_by_command() -> dict[str, set[str]]:
    return {
        " ".join(words): {name for one in command.params for name in one.opts} | {"--help"}
        for words, command in commands_by_words().items()
    }


def test_every_exempt_command_is_on_a_page() -> None:
    used = {not_run_entry(one) for page in PAGES for one in commands_of(page)}
    assert used - {""} == set(NOT_RUN)


def test_every_make_target_on_a_page_exists() -> None:
    for command in (one for page in PAGES for one in commands_of(page) if one.text.startswith("make ")):
        target = command.text.split()[1]
        done = subprocess.run(
            ["make", "-n", "-C", str(PROJECT_ROOT), target],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}{done.stderr}"


def test_the_library_example_of_the_readme_runs(tmp_path: Path) -> None:
    text = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    (script,) = (block for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S) if "import" in block)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
