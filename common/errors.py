"""Errors that every process treats alike."""

from __future__ import annotations


class StartError(Exception):
    """A process cannot start with its settings or files; the text is one line: fact, value, expectation.

    `common.process_main.run_process` prints it to stderr and exits with 2, which supervisord does not retry.
    """

    exit_code = 2

    details: tuple[str, ...] = ()
    """Further lines for a terminal; a service logs only the first one."""


class InUseError(StartError):
    """Another process holds a file or an address that this one needs."""


class DiskUnavailableError(StartError):
    """The disk is full or fails; supervisord retries after this exit code."""

    exit_code = 1
