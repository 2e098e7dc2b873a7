"""The reference loops as a run: what the work takes without any library around it."""

from __future__ import annotations

import platform

from tests.benchmarks.peers.crossing import follow_crossings
from tests.benchmarks.peers.model_loop import ModelDecisions, follow_model
from tests.benchmarks.peers.work import MODEL, Result, Stopwatch, arguments, emit


def main() -> None:
    """Run the loop and print its result."""
    kind, quotes = arguments()
    version = platform.python_version()
    if kind == MODEL:
        setup = Stopwatch()
        decisions = ModelDecisions()
        setup_s, _ = setup.read()
        watch = Stopwatch()
        legs, profit = follow_model(quotes, decisions)
        version, name = decisions.version, "numpy and XGBoost in a loop"
    else:
        name, setup_s = "Python loop", 0.0
        bids, asks = quotes.bid.tolist(), quotes.ask.tolist()
        watch = Stopwatch()
        legs, profit = follow_crossings(bids, asks)
    run_s, cpu_s = watch.read()
    emit(Result(name, version, len(quotes), legs, profit, setup_s, run_s, cpu_s))


if __name__ == "__main__":
    main()
