"""The whole screen for the size of the terminal: head, alerts, tabs, the chosen page, and a line for the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from cli.mode_label import view_label
from cli.screen.alerts_page import alerts_page
from cli.screen.controls import PAGES, Controls, Mode, PageName
from cli.screen.details import DeskDetails
from cli.screen.events_page import events_page
from cli.screen.head import ALERT_STYLE, OLD_S, alert_lines, head_lines
from cli.screen.layout import MIDDLE, dim, line, scrolled
from cli.screen.overview_page import overview_page
from cli.screen.positions_page import positions_page
from cli.screen.processes_page import processes_page
from cli.screen.risk_page import risk_page
from orchestration.desk_view import DeskView

ALERT_SHARE: Final = 4
"""Conditions take at most one line in so many."""

CURSOR: Final = "_"

SHORT_NAMES: Final = {
    PageName.OVERVIEW: "all",
    PageName.POSITIONS: "pos",
    PageName.RISK: "risk",
    PageName.EVENTS: "events",
    PageName.PROCESSES: "proc",
    PageName.ALERTS: "alerts",
}
"""Names of the pages on a narrow terminal."""

STOP_REMARK: Final = "Ctrl-C stops the desk"

HELP: Final = (
    ("1-6, arrows, Tab", "choose a page"),
    ("up, down, page keys", "scroll the page"),
    ("/", "only rows with a text; Escape ends it"),
    ("h", "halt: asks for a reason, then for y"),
    ("r", "resume trading: asks in the same way"),
    ("Ctrl-L", "draw the screen again"),
    ("?", "this help"),
)


def render_page(
    view: DeskView,
    *,
    width: int,
    height: int,
    controls: Controls | None = None,
    details: DeskDetails | None = None,
    now_s: float = 0.0,
) -> RenderableType:
    """The screen for a terminal of `width` characters and `height` lines.

    Args:
        view: the desk.
        width: characters of a line.
        height: lines of the terminal.
        controls: the state of the screen; None for a screen without keys, which has only the first page.
        details: readings for the other pages.
        now_s: monotonic time in seconds, for the age of the readings.
    """
    head = head_lines(view, width)
    if details is not None and details.desk_problem:
        head = [*head, line(f"the desk is not found: {details.desk_problem}", "yellow")]
    if controls is None:
        top: list[RenderableType] = [*head, *alert_lines(view)]
        keys = STOP_REMARK if view.is_own else ""
        return Group(*top, *overview_page(view, width=width, height=height - len(top), keys=keys))
    top = [*head, *alert_lines(view, max(2, height // ALERT_SHARE)), tabs(controls, width)]
    bottom = prompt_lines(view, controls, width)
    left = max(height - len(top) - len(bottom), 1)
    body = _body(view, controls, details or DeskDetails(), width=width, height=left, now_s=now_s)
    used = sum(getattr(one, "row_count", 0) + 1 for one in body)
    return Group(*top, *body, *[Text()] * max(0, left - used), *bottom)


def _body(
    view: DeskView, controls: Controls, details: DeskDetails, *, width: int, height: int, now_s: float
) -> Sequence[RenderableType]:
    if controls.mode is Mode.HELP:
        return _help(view)[:height]
    if controls.page is PageName.OVERVIEW:
        return overview_page(view, width=width, height=height, shows=controls.shows)
    match controls.page:
        case PageName.POSITIONS:
            rows = positions_page(view, details, controls, width)
        case PageName.RISK:
            rows = risk_page(view, details, controls, width)
        case PageName.EVENTS:
            rows = events_page(view, details, controls, width)
        case PageName.PROCESSES:
            rows = processes_page(details, controls, width)
        case _:
            rows = alerts_page(details, controls, width)
    remark = _remark(details, now_s)
    return [*remark, *scrolled(rows, controls.first_row, height - len(remark))]


def _remark(details: DeskDetails, now_s: float) -> list[Text]:
    """A line with the problem and age of what is shown; empty if it is current."""
    age_s = now_s - details.read_s if details.read_s else 0.0
    if not details.problem and age_s < OLD_S:
        return []
    old = f"this page is {age_s:.0f} s old" if details.read_s else "this page has not been read yet"
    return [line(f"{old}{f': {details.problem}' if details.problem else ''}", "yellow")]


def tabs(controls: Controls, width: int) -> Text:
    """The pages with their digits, in `width` characters; the chosen one is marked also without color."""
    text = line("")
    for number, page in enumerate(PAGES, start=1):
        name = page.value if width >= MIDDLE else SHORT_NAMES[page]
        is_chosen = page is controls.page
        text.append(f"[{number} {name}]" if is_chosen else f" {number} {name} ", style="bold" if is_chosen else "dim")
    return text


def prompt_lines(view: DeskView, controls: Controls, width: int) -> list[Text]:
    """The last lines, `width` characters wide: what is typed or asked, or the last command's result and the keys."""
    match controls.mode:
        case Mode.FILTER:
            return [line(f"show only: {controls.text}{CURSOR}   (Enter keeps it, Escape shows all)", "bold")]
        case Mode.REASON:
            asked = f"{controls.verb.value}, reason: {_end(controls.text, width - 24)}{CURSOR}"
            hint = controls.notice or "Enter continues, Escape cancels"
            return [line(asked, "bold"), dim(hint)]
        case Mode.CONFIRM:
            question = f"{controls.verb.value} this {view_label(view)} desk? y sends it, any other key does not"
            return [line(f"reason: {controls.reason}"), line(question, ALERT_STYLE)]
        case Mode.QUIT:
            return [line(f"stop this {view_label(view)} desk? y stops it, any other key does not", ALERT_STYLE)]
        case Mode.HELP:
            return [dim("any key leaves the help")]
        case Mode.BROWSE:
            end = "q stops the desk" if controls.owns_desk else "q quits"
            keys = ["1-6 pages", "/ filter", "h halt", "r resume", "? help", end]
            hints = dim(" · ".join(keys if width >= MIDDLE else keys[1:]))
            shown = [line(controls.notice, "bold")] if controls.notice else []
            if controls.filter:
                shown.append(line(f"only rows with {controls.filter}; Escape shows all", "bold yellow"))
            return [*shown, hints]


def _end(text: str, chars: int) -> str:
    """The end of a text that is being typed, so that the cursor stays on the line."""
    return text if len(text) <= chars else f"…{text[-max(chars, 1) :]}"


def _help(view: DeskView) -> list[Text]:
    end = "stop the desk; asks for y" if view.is_own else "end this screen; the desk runs on"
    rows = [*HELP, ("q", end), ("Ctrl-C", "as q, without a question")]
    return [Text(), *(line(f"{keys:<21}").append(text) for keys, text in rows)]
