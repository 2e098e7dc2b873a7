"""Run supervisord so that it ends when its parent process dies.

`python -m orchestration.supervisord_launcher PARENT_PID OPTIONS…` first asks the kernel to send SIGTERM to this process
at the death of the parent. Then it runs supervisord. Without the signal, a killed command would leave a trading desk
behind. Only Linux has this function; on other systems a person must stop the desk of a killed command.
"""

from __future__ import annotations

import sys

from supervisor.supervisord import main as supervisord

from common.parent_death import terminate_with_parent


def main() -> None:
    """Request a SIGTERM at the death of the parent, then run supervisord in this process."""
    terminate_with_parent(int(sys.argv[1]))
    supervisord(sys.argv[2:])


if __name__ == "__main__":
    main()
