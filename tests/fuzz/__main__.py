"""`make fuzz FRAMES=10000000`: send nine tenths of the frames to the decoders, the rest to real processes."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests.fuzz import decoders, sockets

SEED = 20_140_501


def main() -> None:
    """Send frames and print their counts; end at the first failure, with its seed and frame."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    console = Console()
    began = time.perf_counter()
    at_sockets = arguments.frames // 10
    found = {"seed": arguments.seed, "decoders": decoders.run(arguments.frames - at_sockets, arguments.seed)}
    console.print_json(json.dumps(found))
    with tempfile.TemporaryDirectory(prefix="pdf-") as folder:
        found = {"seed": arguments.seed, "sockets": sockets.run(Path(folder), at_sockets, arguments.seed)}
    console.print_json(json.dumps(found))
    seconds = time.perf_counter() - began
    console.print(f"{arguments.frames:,} frames in {seconds:,.0f} s: no crash, no change of state, memory bounded")


if __name__ == "__main__":
    main()
