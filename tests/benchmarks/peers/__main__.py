"""`make bench-peers FILE=quotes.parquet`: the same work in Paperdesk and in other libraries, as a table and as JSON."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from marketdata.files.stream_loader import load_stream
from marketdata.files.tick_input import TickInput
from tests.benchmarks.peers.comparison import PACKAGE, RUNS, Row, Run, combined, execute
from tests.benchmarks.peers.environment import build_environment
from tests.benchmarks.peers.model_loop import DEMO_MODEL
from tests.benchmarks.peers.page import machine, section, write_section
from tests.benchmarks.peers.work import CROSSING, MODEL, Quotes, Result

SYMBOL: Final = "EURUSD"
MODEL_TICKS: Final = 50_000


def main() -> None:
    """Run every library in turn, print the table, and write the page and the JSON file."""
    parser = argparse.ArgumentParser(prog=f"python -m {PACKAGE}", description=__doc__)
    parser.add_argument("file", type=Path, help="recorded quotes of EURUSD with five digits")
    parser.add_argument("--ticks", type=int, default=None, help="quotes of the file (default: all)")
    parser.add_argument("--model-ticks", type=int, default=MODEL_TICKS, help="quotes that the model sees")
    parser.add_argument("--rounds", type=int, default=3, help="times that each library runs")
    parser.add_argument("--environment", type=Path, help="keep the environment of the libraries in this folder")
    parser.add_argument("--json", type=Path, default=Path("var/bench-peers.json"), help="file for the figures")
    parser.add_argument("--page", type=Path, help="Markdown page whose section is to be replaced")
    chosen = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pdb-")))
        python = build_environment(chosen.environment or folder / "environment")
        ticks = {
            CROSSING: write_quotes(folder / CROSSING, chosen.file, chosen.ticks),
            MODEL: write_quotes(folder / MODEL, chosen.file, chosen.model_ticks),
        }
        rows = compare(folder, chosen.file, python, ticks, rounds=chosen.rounds)
    trees = json.loads((DEMO_MODEL / "manifest.json").read_text())["model"]["trees"]
    text = section(rows, where=machine(datetime.now(UTC).date()), rounds=chosen.rounds, ticks=ticks, trees=trees)
    print(text)
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    figures = [{"run": asdict(row.run), "problem": row.problem, **asdict(row)} for row in rows]
    chosen.json.write_text(json.dumps(figures, indent=2))
    if chosen.page is not None:
        write_section(chosen.page, text)


def write_quotes(path: Path, file: Path, ticks_max: int | None) -> int:
    """Write the accepted quotes for the other libraries, and return their number."""
    stream = load_stream((TickInput(file, SYMBOL),), crossed="accept", ticks_max=ticks_max)
    columns = stream.ticks(SYMBOL, from_sequence=1, limit=stream.last_ordinal, published=stream.last_ordinal)
    Quotes.of(columns.time_ns, columns.bid, columns.ask, columns.volume).save(path)
    return stream.last_ordinal


def compare(folder: Path, file: Path, python: Path, ticks: dict[str, int], *, rounds: int) -> list[Row]:
    """Run each library once a round, one after another, and combine the results."""
    found: dict[Run, list[Result | str]] = {run: [] for run in RUNS}
    for number in range(1, rounds + 1):
        for run, results in found.items():
            sys.stderr.write(f"round {number} of {rounds}: {run.name}, {run.work}\n")
            command: list[str | Path] = [sys.executable if run.is_ours else python, "-m", f"{PACKAGE}.{run.module}"]
            command += [run.work, f"{folder / run.work}.npz"]
            if run.is_ours:
                command += [file, SYMBOL, str(ticks[run.work]), run.risk]
            results.append(execute(command))
    return [combined(results, run, _expected(found, run)) for run, results in found.items()]


def _expected(found: dict[Run, list[Result | str]], run: Run) -> tuple[int, float]:
    """Legs and profit of the reference of the same work."""
    [reference] = [
        results[0] for other, results in found.items() if (other.work, other.module) == (run.work, "run_reference")
    ]
    if isinstance(reference, str):
        sys.exit(f"bench-peers: the reference of {run.work} {reference}")
    return reference.legs, reference.profit


if __name__ == "__main__":
    main()
