"""Run supervisord so that it dies with its parent.

`python -m orchestration.supervisord_launcher PARENT_PID OPTIONS…` requests a SIGTERM at the parent's death from the
kernel and becomes supervisord. Otherwise a killed command line would leave a trading desk behind. Only Linux offers
this; elsewhere the desk of a killed command line has to be stopped by hand.
"""

from __future__ import annotations

import sys

from supervisor.supervisord import main as supervisord

from common.parent_death import terminate_with_parent


def main() -> None:
    """Tie this process to its parent, then run supervisord in it."""
    terminate_with_parent(int(sys.argv[1]))
    supervisord(sys.argv[2:])


if __name__ == "__main__":
    main()
