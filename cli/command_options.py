"""The options of a person's commands to a running desk: the reason, the command's key, and the desk."""

from __future__ import annotations

import getpass
import uuid
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from cli import options as o
from common.errors import StartError
from proto.control import REASON_CHARS_MAX
from proto.trading.units import NAME_CHARS_MAX

PERSON_CHARS_MAX: Final = 64
"""Longest login name that is sent; a longer one is cut."""


@dataclass(frozen=True, kw_only=True)
class CommandOptions:
    """Options of every command to a running desk."""

    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="The reason, recorded in the ledger.", show_default=False)
    ]
    data_dir: o.RunningDesk = None
    url: o.Url = None
    as_json: o.AsJson = False

    def plain_reason(self) -> str:
        """The reason as recorded in the ledger: each run of white space is one blank.

        Raises:
            StartError: the reason is empty or longer than REASON_CHARS_MAX.
        """
        text = " ".join(self.reason.split())
        if not 0 < len(text) <= REASON_CHARS_MAX:
            raise StartError(f"--reason has {len(text)} characters, expected 1 to {REASON_CHARS_MAX}")
        return text


@dataclass(frozen=True, kw_only=True)
class KeyedOptions(CommandOptions):
    """Options of a command with a key: portfolio executes it once, even if it is sent again with the same key."""

    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="Key of this command. A repetition with the same key has no effect."),
    ] = None

    def command_key(self) -> str:
        """The command's key: the value of `--key`, or else a new key.

        Raises:
            StartError: the value of `--key` is empty or longer than NAME_CHARS_MAX.
        """
        return new_key() if self.key is None else checked_name("--key", self.key)


def login_name() -> str:
    """The login name of the user, or `unknown`."""
    try:
        return getpass.getuser()[:PERSON_CHARS_MAX]
    except (KeyError, OSError):
        return "unknown"


def new_key() -> str:
    """A key that no other command has."""
    return uuid.uuid4().hex


def repeat_hint(key: str) -> str:
    """The advice for a command without a reply: repeat the command with the same key."""
    return f"the outcome is unknown, repeat the command with --key {key}: it is executed once"


def checked_name(what: str, text: str) -> str:
    """Return `text` if its length is allowed for a name in a command.

    Args:
        what: the option or argument, for the error text.
        text: the name.

    Raises:
        StartError: the name is empty or longer than NAME_CHARS_MAX.
    """
    if not 0 < len(text) <= NAME_CHARS_MAX:
        raise StartError(f"{what} has {len(text)} characters, expected 1 to {NAME_CHARS_MAX}")
    return text
