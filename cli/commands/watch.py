"""`paperdesk watch`: the running screen of a desk that another process runs."""

from __future__ import annotations

from pathlib import Path

import typer

from cli import query_options as o
from cli.paths import existing_desk

app = typer.Typer()
EXAMPLES = "[bold]Example[/bold]\n\n  paperdesk watch\n\n  paperdesk watch --data-dir desk"


@app.command(epilog=EXAMPLES)
def watch(data_dir: o.RunningDesk = None, url: o.Url = None) -> int:
    """Show a running desk on the screen of `paperdesk run`: pages by keys, filter, halt and resume; ? lists the keys.

    The desk runs on when the screen ends, by q or Ctrl-C. Without a terminal, lines are printed as by `paperdesk run`.
    """
    from cli.running_desks import noted_control_url, running_desk  # the screen loads slowly, and help needs none
    from cli.screen.desk_poller import WatchedDesk
    from cli.screen.live_screen import watch_desk

    if data_dir is not None:
        folder = existing_desk(data_dir)
        desk = WatchedDesk(find_url=lambda: url or noted_control_url(folder), data_dir=folder)
    elif url is not None:
        desk = WatchedDesk(find_url=lambda: url, data_dir=None)
    else:
        found = running_desk()
        desk = WatchedDesk(find_url=lambda: running_desk().control, data_dir=Path(found.data_dir))
    try:
        watch_desk(desk)
    except KeyboardInterrupt:
        return 0  # as after q: the screen has ended, and the desk runs on
    return 0
