"""The options of a person's commands to a running desk: reason, id, and which desk."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Annotated

import typer

from cli import options as o
from common.errors import StartError
from proto.control import REASON_CHARS_MAX
from proto.trading.units import NAME_CHARS_MAX


@dataclass(frozen=True, kw_only=True)
class CommandOptions:
    """Options of every command to a running desk."""

    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="The reason, which the ledger keeps.", show_default=False)
    ]
    data_dir: o.RunningDesk = None
    url: o.Url = None
    as_json: o.AsJson = False

    def plain_reason(self) -> str:
        """The reason as the ledger keeps it, with single blanks.

        Raises:
            StartError: it is empty or too long.
        """
        text = " ".join(self.reason.split())
        if not 0 < len(text) <= REASON_CHARS_MAX:
            raise StartError(f"--reason has {len(text)} characters, expected 1 to {REASON_CHARS_MAX}")
        return text


@dataclass(frozen=True, kw_only=True)
class KeyedOptions(CommandOptions):
    """Options of a command that is executed once however often it is sent."""

    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="Id of this command; repeated with it, it has no further effect."),
    ] = None

    def command_key(self) -> str:
        """The command's id: the given one, or a new one.

        Raises:
            StartError: it is empty or too long.
        """
        return uuid.uuid4().hex if self.key is None else checked_name("--key", self.key)


def repeat_hint(key: str) -> str:
    """The advice for a command that was not answered."""
    return f"repeat it with --key {key}: it is executed once"


def checked_name(what: str, text: str) -> str:
    """A name of the length that a command takes.

    Raises:
        StartError: it is empty or too long.
    """
    if not 0 < len(text) <= NAME_CHARS_MAX:
        raise StartError(f"{what} has {len(text)} characters, expected 1 to {NAME_CHARS_MAX}")
    return text
