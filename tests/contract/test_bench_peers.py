"""The comparison with other libraries, as far as it needs none: the reference loops, the rows and the page."""

from __future__ import annotations

import ast
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from common.project_root import PROJECT_ROOT
from tests.benchmarks.peers import page
from tests.benchmarks.peers.__main__ import write_quotes
from tests.benchmarks.peers.comparison import PACKAGE, RUNS, Row, Run, combined, execute
from tests.benchmarks.peers.crossing import Crossing, follow_crossings
from tests.benchmarks.peers.environment import LOCK, entries
from tests.benchmarks.peers.model_loop import ModelDecisions, follow_model
from tests.benchmarks.peers.run_paperdesk import a_spec, run
from tests.benchmarks.peers.work import CROSSING, MODEL, Quotes, Result
from tests.support.tick_files import a_tick_file

ROWS = 2_000
TICKS = {CROSSING: 1_000, MODEL: 500}
RUN, LIMITED = Run("a", "run_nautilus_trader", CROSSING), Run("b", "run_paperdesk", CROSSING, risk="default")


def a_result(*, legs: int = 5, profit: float = -1.5, cpu_s: float = 1.0, run_s: float = 2.0) -> Result:
    return Result("a library", "1.2", 1_000, legs, profit, 0.5, run_s, cpu_s, peak_mb=12.3)


@pytest.mark.parametrize("work", [CROSSING, MODEL])
def test_the_desk_has_the_legs_and_the_profit_of_the_reference_loop(work: str, tmp_path: Path) -> None:
    file = a_tick_file(tmp_path / "a.parquet", rows=ROWS, crossed_every=7)
    assert write_quotes(tmp_path / "quotes.npz", file, None) == ROWS
    quotes = Quotes.load(tmp_path / "quotes.npz")
    assert (quotes.bid > quotes.ask).any()
    if work == MODEL:
        expected = follow_model(quotes, ModelDecisions())
    else:
        expected = follow_crossings(quotes.bid.tolist(), quotes.ask.tolist())
    result = run(a_spec(work, file, "EURUSD", ticks_max=ROWS, risk="none"))
    assert result.legs > 2
    assert result.legs == expected[0]
    assert result.profit == pytest.approx(expected[1], abs=1e-6)


def test_decisions_tick_by_tick_are_those_of_the_loop() -> None:
    mid = 1.1 + np.cumsum(np.random.default_rng(3).normal(0, 1e-4, ROWS))
    bids, asks = (mid - 1e-5).tolist(), (mid + 1e-5).tolist()
    crossing = Crossing()
    sides = [crossing.push(bid, ask) for bid, ask in zip(bids, asks, strict=True)]
    turns = sum(side not in (0, before) for before, side in zip([0, *sides], sides, strict=False))
    assert follow_crossings(bids, asks)[0] == 2 * turns - 1


def test_modules_for_other_libraries_import_nothing_of_the_desk() -> None:
    folder = PROJECT_ROOT / "tests" / "benchmarks" / "peers"
    names = {f"{run.module}.py" for run in RUNS if not run.is_ours} | {"work.py", "crossing.py", "model_loop.py"}
    for name in names:
        imported = {
            node.module
            for node in ast.walk(ast.parse((folder / name).read_text()))
            if isinstance(node, ast.ImportFrom) and node.module is not None
        }
        ours = {module for module in imported if (PROJECT_ROOT / module.partition(".")[0]).is_dir()}
        assert ours <= {f"{PACKAGE}.{part}" for part in ("work", "crossing", "model_loop")}, name


def test_a_result_that_differs_from_the_reference_does_not_count() -> None:
    assert combined([a_result(), a_result(cpu_s=3.0)], RUN, (5, -1.5)).result is not None
    assert combined([a_result(), a_result(legs=6)], RUN, (5, -1.5)).problem == "6 legs and -1.50, expected 5 and -1.50"
    assert combined([a_result(profit=-1.49)], RUN, (5, -1.5)).result is None
    assert combined([a_result()], LIMITED, (7, 3.0)).result is not None


def test_a_row_has_the_median_times_of_its_rounds() -> None:
    times = ((1.0, 9.0), (3.0, 4.0), (2.0, 5.0))
    row = combined([a_result(cpu_s=cpu_s, run_s=run_s) for cpu_s, run_s in times], RUN, (5, -1.5))
    assert row.result is not None
    assert (row.result.cpu_s, row.result.run_s) == (2.0, 5.0)


def test_a_library_that_cannot_be_imported_is_missing() -> None:
    assert execute([sys.executable, "-c", "import no_such_library"]) == (
        "missing: ModuleNotFoundError: No module named 'no_such_library'"
    )
    assert execute([sys.executable, "-c", "1 / 0"]) == "failed: ZeroDivisionError: division by zero"


def test_the_page_has_a_row_for_each_run_and_keeps_other_sections(tmp_path: Path) -> None:
    rows = [
        Row(RUN, a_result(cpu_s=2.0)),
        Row(LIMITED, a_result()),
        Row(Run("c", "run_backtrader", CROSSING), None, "missing: no wheel"),
    ]
    text = page.section(rows, where=page.machine(date(2026, 12, 1)), rounds=3, ticks=TICKS, trees=279)
    assert "| a | 1.2 | 500 (500) | 1.00 | 0.5 s | 12 MB | 5 | -1.50 |\n" in text
    assert "| b | 1.2 | 1,000 (500) | 2.00 | 0.5 s | 12 MB | 5 | -1.50 |\n" in text
    assert "| c | | missing: no wheel | | | | | |\n" in text
    file = tmp_path / "page"
    file.write_text("# Page\n\n## First\n\ntext\n\n## Last\n\nend\n")
    page.write_section(file, "## Other libraries\n\nold\n")
    assert file.read_text() == "# Page\n\n## First\n\ntext\n\n## Last\n\nend\n\n## Other libraries\n\nold\n"
    file.write_text("# Page\n\n## Other libraries\n\nold\n\n## Last\n\nend\n")
    page.write_section(file, text)
    assert file.read_text() == f"# Page\n\n{text}\n## Last\n\nend\n"


def test_each_package_of_the_lock_is_an_entry_with_its_hashes() -> None:
    found = entries(LOCK.read_text())
    assert {"nautilus-trader", "hftbacktest", "backtrader", "backtesting"} <= {
        entry.partition("==")[0] for entry in found
    }
    assert all("--hash=sha256:" in entry for entry in found)
