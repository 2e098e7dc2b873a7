"""`paperdesk tap`: the messages between the processes of a desk, decoded, filtered and saved."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, Final

import typer

from cli import options as o
from cli.json_output import print_json_line
from cli.paths import existing_desk
from cli.running_desks import noted_control_url, running_desk
from cli.tap_messages import TapMessage, decode_message
from cli.tap_reader import PROCESSES, Copy, DeskTap, SocketTap, TapFile, read_file
from common.clock import mono_ns
from common.errors import StartError
from common.settings import CommonSettings, load
from proto.time import SECOND_NS

app = typer.Typer()

QUIET_NS: Final = 5 * SECOND_NS
"""Time without a message after which that is reported, and again after each further such time."""

IPC: Final = "ipc://"

EXAMPLES = """
[bold]Examples[/bold]

  paperdesk tap

  paperdesk tap --only signals --only EURUSD --seconds 10

  paperdesk tap --only order,BUY,SELL --save orders.jsonl

  paperdesk tap orders.jsonl --only MALFORMED
"""


@app.command(epilog=EXAMPLES)
def tap(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A file of --save to read instead of a desk.", show_default=False),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="WORD",
            help="Only messages of this kind, symbol, route or direction (sent, received), or MALFORMED; alternatives "
            "are separated by commas. If repeated, all must apply.",
        ),
    ] = None,
    process: Annotated[
        list[str] | None,
        typer.Option(
            "--process", metavar="NAME", help=f"Only copies of a process: {', '.join(PROCESSES)}; repeatable."
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Save the shown messages to a new file.")
    ] = None,
    force: o.Force = False,
    count: Annotated[int | None, typer.Option("--count", metavar="N", min=1, help="End after N messages.")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", metavar="S", help="End after this time.")] = None,
    data_dir: o.RunningDesk = None,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="A PUB socket instead of a desk, such as the ticks of a gateway."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each message as a line of JSON.")] = False,
) -> int:
    """Show the messages that the processes of a running desk send and receive, decoded, in the order of their times.

    The desk's processes copy their messages only while a tap runs, which costs them some time, and never wait for it.
    Each message between two processes is shown twice, as sent and as received. Ctrl-C ends the tap.

    Raises:
        StartError: an option is out of range or contradicts another one, or no desk runs.
    """
    if seconds is not None and not 0 < seconds <= 1e9:
        raise StartError(f"--seconds is {seconds:g}, expected seconds above 0 and at most 1000000000")
    given = {"FILE": file, "--data-dir": data_dir, "--url": url}
    if len(chosen := [name for name, value in given.items() if value is not None]) > 1:
        raise StartError(f"{' and '.join(chosen)} are given, expected at most one of them")
    for name in process or ():
        if name not in PROCESSES:
            raise StartError(f"--process is {name!r}, expected {', '.join(PROCESSES)}")
    with ExitStack() as stack:
        source: DeskTap | SocketTap | None = None
        if file is None:
            source = SocketTap(url) if url is not None else DeskTap(_runtime_of(data_dir))
            stack.enter_context(source)
        saved = None if save is None else stack.enter_context(closing(TapFile(save, is_replaced=force)))
        shown = Shown(only or (), process or (), count=count, as_json=as_json, file=saved)
        if source is not None:
            _follow(source, shown, seconds)
        elif file is not None:
            shown.show(read_file(file))
        shown.report()
    return 0


class Shown:
    """Prints and saves the messages that pass the filter, and counts them."""

    def __init__(
        self, only: Sequence[str], processes: Sequence[str], *, count: int | None, as_json: bool, file: TapFile | None
    ) -> None:
        """Take the filter, the number of messages after which to end, and the file to save to."""
        self._processes = processes
        self._only = [frozenset(part.strip().lower() for part in word.split(",")) for word in only]
        self._count = count
        self._as_json = as_json
        self._file = file
        self.seen = 0
        self.routes: Counter[str] = Counter()
        self.malformed = 0

    @property
    def is_done(self) -> bool:
        """Whether the wanted number of messages is shown."""
        return self._count is not None and self.routes.total() >= self._count

    def show(self, copies: Iterable[Copy]) -> int:
        """Show the copies that pass, and return how many they are."""
        before = self.routes.total()
        for copy in copies:
            if self.is_done:
                break
            self.seen += 1
            message = decode_message(copy.head, copy.frames)
            is_wanted = not self._processes or copy.head.process in self._processes
            if is_wanted and all(message.words & words for words in self._only):
                self._show(message, copy)
        sys.stdout.flush()
        return self.routes.total() - before

    def _show(self, message: TapMessage, copy: Copy) -> None:
        self.routes[copy.head.route] += 1
        self.malformed += bool(message.problem)
        if self._as_json:
            print_json_line(message.as_fields())
        else:
            print(message.line())
        if self._file is not None:
            self._file.save(copy)

    def report(self) -> None:
        """Report the counts on stderr."""
        total = self.routes.total()
        routes = ", ".join(f"{route} {number}" for route, number in self.routes.most_common())
        _report(
            f"{total} messages{f' ({routes})' if routes else ''}"
            f"{f' of {self.seen}, the others did not pass the filter' if self.seen > total else ''}"
            f"{f'; {self.malformed} malformed' if self.malformed else ''}"
        )


def _follow(source: DeskTap | SocketTap, shown: Shown, seconds: float | None) -> None:
    """Show messages until Ctrl-C, the end of the time, or the wanted number."""
    last_ns = mono_ns()
    end_ns = None if seconds is None else last_ns + int(seconds * SECOND_NS)
    try:
        while not shown.is_done and (end_ns is None or mono_ns() < end_ns):
            now_ns = mono_ns()
            if copies := source.read():
                shown.show(copies)
                last_ns = now_ns
            elif now_ns - last_ns >= QUIET_NS:
                last_ns = now_ns
                _report(f"no message for {QUIET_NS // SECOND_NS} s{_silence(source, now_ns)}")
    except KeyboardInterrupt:
        pass
    shown.show(source.rest())
    lost, silence = source.counts.lost, _silence(source, mono_ns())
    _report(f"lost {lost} messages, because this reader was too slow{silence}" if lost else f"lost none{silence}")


def _silence(source: DeskTap | SocketTap, now_ns: int) -> str:
    if isinstance(source, SocketTap):
        return ""
    silent = source.counts.silent(now_ns)
    return f"; no sign of {', '.join(silent)}, which may run elsewhere, not run, or hang" if silent else ""


def _runtime_of(data_dir: Path | None) -> Path:
    """The runtime folder of a desk, which has its sockets."""
    url = running_desk().control if data_dir is None else noted_control_url(existing_desk(data_dir))
    if url is None:
        raise StartError(f"the sockets of {data_dir} are not known, expected the folder of a running desk")
    return Path(url.removeprefix(IPC)).parent if url.startswith(IPC) else load(CommonSettings).paperdesk_runtime_dir


def _report(text: str) -> None:
    print(f"paperdesk: {text}", file=sys.stderr, flush=True)
