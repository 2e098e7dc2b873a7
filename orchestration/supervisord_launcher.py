"""Run supervisord so that it dies with its parent.

`python -m orchestration.supervisord_launcher PARENT_PID OPTIONS…` asks the kernel for a SIGTERM at the parent's death and
then is supervisord. Without it a command line that is killed outright would leave a desk behind that trades on for
nobody. Only Linux can be asked that; elsewhere a killed command line has to be cleaned up after by hand.
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
