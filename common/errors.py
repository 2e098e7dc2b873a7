"""Errors that every process treats alike."""

from __future__ import annotations


class StartError(Exception):
    """A process cannot start as it is set up; the text is one line for the operator: fact, value, what was expected.

    `common.process_main.run_process` turns it into that line on stderr and exit code 2, which supervisord does not retry.
    """

    exit_code = 2

    details: tuple[str, ...] = ()
    """Further lines for a person at a terminal; a service tells only the first one."""


class InUseError(StartError):
    """A process cannot start because another one holds a file or listens at an address that is to be its own."""


class DiskUnavailableError(StartError):
    """A process cannot start while the disk is full or fails; its exit code is one that supervisord tries again after."""

    exit_code = 1
