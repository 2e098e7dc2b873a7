"""Errors that end a process with one line of text and an exit code."""

from __future__ import annotations

from typing import Final

EXIT_ELSEWHERE: Final = 3
"""Exit code of a process that has no work on this host; supervisord does not restart it."""


class StartError(Exception):
    """A process cannot start or continue with its settings or files.

    The text is one line with the fact, value and expectation. `common.process_main.run_process` prints the text to
    stderr and exits with `exit_code`. supervisord does not restart a process after exit code 2.
    """

    exit_code = 2

    details: tuple[str, ...] = ()
    """Further lines that a command prints on a terminal; a service does not log them."""


class InUseError(StartError):
    """Another process holds a file or an address that this process needs."""


class DiskUnavailableError(StartError):
    """The disk is full or fails; supervisord restarts the process after this exit code."""

    exit_code = 1


def error_text(error: BaseException) -> str:
    """The text of an error on one line, with one blank between two words."""
    return " ".join(str(error).split())
