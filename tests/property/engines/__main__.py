"""`python -m tests.property.engines SEED ...`: the difference of each seed, and a small case with a difference."""

from __future__ import annotations

import sys

from tests.property.engines.cases import Case
from tests.property.engines.comparison import compare
from tests.property.engines.draws import draw_case
from tests.property.engines.reduction import reduced


def main() -> None:
    """Reduce and print the failing seeds of the command line."""
    for seed in map(int, sys.argv[1:]):
        found = compare(draw_case(seed), variant=seed).difference
        print(f"seed {seed}: {found or 'no difference'}")
        if found:
            _print_small(seed)


def _print_small(seed: int) -> None:
    def fails(case: Case) -> bool:
        try:
            return bool(compare(case, variant=seed).difference)
        except Exception:  # a case that cannot be run is none
            return False

    small = reduced(draw_case(seed), fails)
    print(f"\nsmall case of seed {seed}:\n{small.text()}")
    for rows in small.rows:
        for time_ns, bid, ask in zip(rows.time_ns.tolist(), rows.bid.tolist(), rows.ask.tolist(), strict=True):
            print(f"{rows.symbol} {time_ns} {bid} {ask}")
    print(compare(small, variant=seed).difference)


if __name__ == "__main__":
    main()
