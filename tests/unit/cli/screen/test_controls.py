"""What each key does to the state of the screen; a command needs a reason and a confirmation."""

from __future__ import annotations

import pytest

from cli.screen.controls import (
    FILTER_CHARS_MAX,
    PAGES,
    Action,
    Controls,
    Mode,
    PageName,
    Quit,
    SendCommand,
    TradingVerb,
    press,
)
from cli.screen.keys import Key, KeyDecoder
from proto.control import REASON_CHARS_MAX


def after(keys: bytes, state: Controls | None = None) -> tuple[Controls, list[Action]]:
    """The state after keys, and the actions; an escape byte at the end is the key Escape."""
    decoder, state, actions = KeyDecoder(), state or Controls(), list[Action]()
    for key in [*decoder.feed(keys), *decoder.flush()]:
        state, action = press(state, key)
        actions += [] if action is None else [action]
    return state, actions


@pytest.mark.parametrize(
    ("keys", "page"),
    [
        (b"2", PageName.POSITIONS),
        (b"6", PageName.ALERTS),
        (b"61", PageName.OVERVIEW),
        (b"\t\t", PageName.RISK),
        (b"\x1b[C", PageName.POSITIONS),
        (b"\x1b[D", PageName.ALERTS),
        (b"\x1b[Z", PageName.ALERTS),
        (b"\t" * len(PAGES), PageName.OVERVIEW),
        (b"7", PageName.OVERVIEW),
    ],
)
def test_digits_arrows_and_tab_choose_a_page(keys: bytes, page: PageName) -> None:
    assert after(keys)[0].page is page


def test_a_filter_is_in_force_while_it_is_typed_and_escape_clears_it() -> None:
    typing, _ = after(b"/eur")
    assert (typing.mode, typing.shows("EURUSD"), typing.shows("GBPUSD")) == (Mode.FILTER, True, False)
    kept, _ = after(b"\r", typing)
    assert (kept.mode, kept.filter, kept.shows("x", "eurusd"), kept.shows("GBPUSD")) == (
        Mode.BROWSE,
        "eur",
        True,
        False,
    )
    cleared, _ = after(b"\x1b", kept)
    assert (cleared.filter, cleared.is_filtered, cleared.shows("GBPUSD")) == ("", False, True)
    assert after(b"\x1b", typing)[0] == Controls()


def test_letters_of_a_filter_or_reason_are_no_commands() -> None:
    assert after(b"/qhr2?")[0].text == "qhr2?"
    state, actions = after(b"hq2?/r")
    assert (state.mode, state.text, actions) == (Mode.REASON, "q2?/r", [])


@pytest.mark.parametrize(("key", "verb"), [(b"h", TradingVerb.HALT), (b"r", TradingVerb.RESUME)])
def test_a_command_is_sent_after_a_reason_and_y(key: bytes, verb: TradingVerb) -> None:
    asked, actions = after(key + b"  news   at 14:30 \r")
    assert (asked.mode, asked.reason, actions) == (Mode.CONFIRM, "news at 14:30", [])
    done, actions = after(b"y", asked)
    assert (done.mode, actions) == (Mode.BROWSE, [SendCommand(verb, "news at 14:30")])


@pytest.mark.parametrize("keys", [b"n", b"\r", b"\x1b", b" ", b"q", b"h", b"\x1b[A"])
def test_every_other_key_sends_nothing_and_says_so(keys: bytes) -> None:
    asked, _ = after(b"hnews\r")
    done, actions = after(keys[:1] if keys != b"\x1b[A" else keys, asked)
    assert (done.mode, actions, done.notice) == (Mode.BROWSE, [], "halt: not sent")


def test_an_empty_reason_is_refused_and_escape_cancels() -> None:
    refused, actions = after(b"h   \r")
    assert (refused.mode, actions) == (Mode.REASON, [])
    assert refused.notice.startswith("the reason is empty")
    assert after(b"\x1b", refused)[0].mode is Mode.BROWSE


def test_typed_texts_have_a_limit_and_can_be_corrected() -> None:
    assert len(after(b"h" + b"x" * 500)[0].text) == REASON_CHARS_MAX
    assert len(after(b"/" + b"x" * 500)[0].text) == FILTER_CHARS_MAX
    assert after(b"hnewz\x7fs")[0].text == "news"
    assert after(b"hnews\x15x")[0].text == "x"


def test_q_ends_the_screen_of_another_desk_at_once_and_asks_before_it_stops_an_own_one() -> None:
    assert after(b"q")[1] == [Quit()]
    own = Controls(owns_desk=True)
    assert after(b"q", own)[1] == []
    assert after(b"qn", own) == (own, [])
    assert after(b"qy", own)[1] == [Quit()]


def test_help_is_left_by_any_key() -> None:
    assert after(b"?")[0].mode is Mode.HELP
    assert after(b"?q") == (Controls(), [])


def test_scrolling_never_goes_above_the_first_row_and_begins_anew_on_each_page() -> None:
    assert after(b"\x1b[A")[0].first_row == 0
    assert after(b"\x1b[B\x1b[B\x1b[A")[0].first_row == 1
    assert after(b"\x1b[6~\x1b[5~")[0].first_row == 0
    assert after(b"\x1b[6~3")[0].first_row == 0


def test_unknown_keys_change_nothing() -> None:
    assert press(Controls(), Key("text", "x")) == (Controls(), None)
    assert press(Controls(), Key("enter")) == (Controls(), None)
