"""The screen on a terminal: draws the pages, reads the keys, and sends a person's commands.

Only the thread of `LiveScreen.run` draws. Other threads hand over what is to be shown and wake it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console
from rich.live import Live

from cli.command_options import login_name, new_key
from cli.running_desks import control_url_of
from cli.screen.controls import Controls, PageName, Quit, Redraw, SendCommand, TradingVerb, press
from cli.screen.desk_poller import DeskPoller, WatchedDesk
from cli.screen.details import DeskDetails
from cli.screen.keys import Key
from cli.screen.line_screen import LineScreen
from cli.screen.page import render_page
from cli.screen.terminal import Keyboard, open_keyboard
from cli.trading_commands import send_trading_command
from common.errors import StartError
from orchestration.desk_view import DeskView, Screen
from proto.control import HaltCommand, ResumeCommand

DRAW_EVERY_S: Final = 0.5
"""Longest time between two drawings, so that ages and the size of the terminal are current."""


class StillScreen:
    """Draws the first page on a terminal without keys."""

    def __init__(self, live: Live, console: Console) -> None:
        """Draw on `console` by `live`."""
        self._live = live
        self._console = console
        self._details = DeskDetails()

    def show(self, view: DeskView) -> None:
        """Redraw the page."""
        width, height = self._console.size
        self._live.update(render_page(view, width=width, height=height, details=self._details), refresh=True)

    def show_details(self, details: DeskDetails) -> None:
        """Show a problem of the readings with the next redrawing."""
        self._details = details


class LiveScreen:
    """Draws the chosen page and acts on keys."""

    def __init__(
        self,
        live: Live,
        console: Console,
        keyboard: Keyboard,
        *,
        control_url: Callable[[], str | None],
        owns_desk: bool,
    ) -> None:
        """Start with the first page.

        Args:
            live: draws on `console`.
            console: the terminal.
            keyboard: gives the keys.
            control_url: returns portfolio's control socket for commands; None while it is unknown.
            owns_desk: whether this process runs the desk, so that the end of the screen is the end of the desk.
        """
        self._live = live
        self._console = console
        self._keyboard = keyboard
        self._control_url = control_url
        self._controls = Controls(owns_desk=owns_desk)
        self._view: DeskView | None = None
        self._details = DeskDetails()
        self._notices: list[str] = []
        self._has_ended = False
        self._sending: threading.Thread | None = None
        self._error: BaseException | None = None
        self._poll_error: BaseException | None = None
        self.on_page: Callable[[], None] = lambda: None
        """Called after a key, because another page may have been chosen."""

    @property
    def page(self) -> PageName:
        """The chosen page."""
        return self._controls.page

    def show(self, view: DeskView) -> None:
        """Show a new state of the desk; called by any thread.

        Raises:
            BaseException: the error that ended the thread that draws.
        """
        if self._error is not None:
            raise self._error
        self._view = view
        self._keyboard.wake()

    def show_details(self, details: DeskDetails) -> None:
        """Show new readings of the pages; called by any thread."""
        self._details = details
        self._keyboard.wake()

    def show_notice(self, text: str) -> None:
        """Show the result of a command; called by any thread."""
        self._notices.append(text)
        self._keyboard.wake()

    def fail(self, error: BaseException) -> None:
        """Take the error that ended the polling, so that no reading is shown as current; called by any thread.

        `run` raises it, or if this process runs the desk, which must not stop for it, shows it.
        """
        if self._controls.owns_desk:
            self.show_notice(f"the other pages are not read any more: {error!r}")
        else:
            self._poll_error = error
            self._keyboard.wake()

    def end(self) -> None:
        """Let `run` return; called by any thread."""
        self._has_ended = True
        self._keyboard.wake()

    def run(self) -> None:
        """Draw and act on keys until a person quits, the terminal ends, or `end` is called.

        Raises:
            BaseException: the error that ended the polling of another process's desk.
        """
        while not self._has_ended:
            if self._poll_error is not None:
                raise self._poll_error
            for key in self._keyboard.read(DRAW_EVERY_S):
                self._press(key)
            while self._notices:
                self._controls = replace(self._controls, notice=self._notices.pop(0))
            if self._keyboard.is_closed and not self._controls.owns_desk:
                return
            self._draw()

    def run_in_thread(self) -> None:
        """As `run`; `show` raises the error with which this ends."""
        try:
            self.run()
        except BaseException as error:  # raised again by `show`, in the thread that runs the desk
            self._error = error

    def _draw(self) -> None:
        if self._view is None:
            return
        width, height = self._console.size
        page = render_page(
            self._view,
            width=width,
            height=height,
            controls=self._controls,
            details=self._details,
            now_s=time.monotonic(),
        )
        self._live.update(page, refresh=True)

    def _press(self, key: Key) -> None:
        before = self._controls.page
        self._controls, action = press(self._controls, key)
        if self._controls.page is not before:
            self.on_page()
        match action:
            case Quit():
                self._quit()
            case Redraw():
                self._console.clear()
            case SendCommand():
                self._send(action)
            case None:
                pass

    def _quit(self) -> None:
        if self._controls.owns_desk:
            os.kill(os.getpid(), signal.SIGINT)  # the desk is stopped as by Ctrl-C
        else:
            self._has_ended = True

    def _send(self, action: SendCommand) -> None:
        url = self._control_url()
        if url is None:
            self.show_notice(f"{action.verb.value}: not sent, the desk has no control socket; is it running?")
        elif self._sending is not None and self._sending.is_alive():
            self.show_notice(f"{action.verb.value}: not sent, the command before has no answer yet")
        else:
            self.show_notice(f"{action.verb.value}: sent, waiting for portfolio")
            self._sending = threading.Thread(target=self._deliver, args=(url, action), daemon=True)
            self._sending.start()

    def _deliver(self, url: str, action: SendCommand) -> None:
        kind = HaltCommand if action.verb is TradingVerb.HALT else ResumeCommand
        command = kind(action.reason, key=new_key(), person=login_name())
        try:
            reply = send_trading_command(url, command, self.show_notice)
        except StartError as error:
            self.show_notice(f"{action.verb.value}: {error}")
            return
        self.show_notice(f"{action.verb.value}: trading is {reply.trading_state.value}: {reply.trading_reason}")
        self.on_page()


@contextmanager
def open_screen(data_dir: Path) -> Iterator[Screen]:
    """A screen for the desk that this process runs: on a terminal pages with keys, or else status lines."""
    console = Console(highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield LineScreen()
        return
    with open_keyboard() as keyboard, _open_live(console) as live:
        if keyboard is None:
            yield StillScreen(live, console)
            return
        desk = WatchedDesk(find_url=lambda: control_url_of(data_dir), data_dir=data_dir)
        screen = LiveScreen(live, console, keyboard, control_url=desk.find_url, owns_desk=True)
        poller = DeskPoller(desk, page=lambda: screen.page, on_details=screen.show_details, on_error=screen.fail)
        screen.on_page = poller.hurry
        thread = threading.Thread(target=screen.run_in_thread, name="screen", daemon=True)
        with _redrawn_on_resize(keyboard):
            poller.start()
            thread.start()
            try:
                yield screen
            finally:
                poller.stop()
                screen.end()
                thread.join()


def watch_desk(desk: WatchedDesk) -> None:
    """Show a desk that another process runs, until a person quits or the process is interrupted."""
    console = Console(highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        _watch_without_keys(desk, LineScreen())
        return
    with open_keyboard() as keyboard, _open_live(console) as live:
        if keyboard is None:
            _watch_without_keys(desk, StillScreen(live, console))
            return
        screen = LiveScreen(live, console, keyboard, control_url=lambda: poller.url, owns_desk=False)
        poller = DeskPoller(
            desk,
            page=lambda: screen.page,
            on_details=screen.show_details,
            on_view=screen.show,
            on_error=screen.fail,
        )
        screen.on_page = poller.hurry
        with _redrawn_on_resize(keyboard):
            poller.start()
            try:
                screen.run()
            finally:
                poller.stop()


def _watch_without_keys(desk: WatchedDesk, screen: LineScreen | StillScreen) -> None:
    poller = DeskPoller(desk, page=lambda: PageName.OVERVIEW, on_details=screen.show_details, on_view=screen.show)
    poller.run()


def _open_live(console: Console) -> Live:
    return Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop")


@contextmanager
def _redrawn_on_resize(keyboard: Keyboard) -> Iterator[None]:
    """Wake the screen when the size of the terminal changes; called in the main thread."""

    def wake(_number: int, _frame: FrameType | None) -> None:
        keyboard.wake()

    before = signal.signal(signal.SIGWINCH, wake)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
