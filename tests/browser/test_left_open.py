"""A page that is left open stays as large as it was: nothing remains of earlier pages, and its rows are bounded."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import CDPSession, Page, expect

from services.web.security.identity import Role
from tests.browser.conftest import Visiting
from tests.browser.desks import ServedDesk
from tests.browser.test_navigation import PAGES
from tests.browser.visits import SHOWN_S, UNANSWERED, Visit
from tests.support.waits import wait_for

ROUNDS = 8

SIGN_IN_AGAIN = """
async (once) => {
  const { session } = await import("./js/api.js");
  await session.signOut();
  await session.signIn({ once });
}
"""

SEVEN_NOTICES = """
async () => {
  const { notify } = await import("./js/notices.js");
  for (let number = 1; number <= 7; number += 1) notify(`notice ${number}`, "halt");
}
"""

SECONDS_OF_BARS = """
async ([kept, seconds, older]) => {
  const { BarSeries } = await import("./js/desk/bar_series.js");
  const bar = (second) => [second * 1e9, second, second + 1, second - 1, second + 0.5, 7];
  const series = new BarSeries(1, kept);
  const bytes = series.times.buffer.byteLength;
  for (let second = 0; second < seconds; second += 1) series.merge([bar(second), bar(second + 1)]);
  const shown = () => {
    const { length, times, open, high, low, close } = series;
    const rows = [0, length - 1].map((index) => [times, open, high, low, close].map((values) => values[index]));
    return { length, lengths: [times, open, high, low, close].map((values) => values.length), rows };
  };
  const following = { ...shown(), isAsLarge: series.times.buffer.byteLength === bytes };
  series.prepend(Array.from({ length: older }, (_, index) => bar(series.times[0] / 1000 - older + index)));
  const scrolledBack = shown();
  series.keep(kept);
  return { following, scrolledBack, followingAgain: shown() };
}
"""

RANDOM_CHANGES = """
async ([seed, changes]) => {
  const { Columns } = await import("./js/columns.js");
  let state = seed;
  const random = (below) => (state = (state * 48271) % 2147483647) % below;
  const columns = new Columns(["first", "second"], 40);
  let [expected, most] = [[], 40];
  const rowsOf = (count) => Array.from({ length: count }, () => [random(1000), random(1000)]);
  const turned = (rows) => [0, 1].map((index) => rows.map((row) => row[index]));
  const actions = [
    () => {
      for (const row of rowsOf(random(400))) {
        columns.append(row);
        expected = [...expected, row].slice(-most);
      }
    },
    () => {
      const rows = rowsOf(random(300));
      columns.insertFirst(turned(rows));
      expected = [...rows, ...expected];
      most = Math.max(most, expected.length);
    },
    () => {
      if (!expected.length) return;
      columns.removeLast();
      expected.pop();
    },
    () => {
      most = 1 + random(60);
      columns.keep(most);
      expected = expected.slice(-most);
    },
    () => {
      expected = rowsOf(random(90));
      columns.replace(turned(expected));
      most = Math.max(most, expected.length);
    },
  ];
  for (let change = 0; change < changes; change += 1) {
    actions[random(actions.length)]();
    const shown = JSON.stringify([Array.from(columns.first), Array.from(columns.second)]);
    if (shown !== JSON.stringify(turned(expected)) || columns.length !== expected.length) return change;
  }
  return null;
}
"""


def counted(session: CDPSession) -> dict[str, int]:
    """The number of nodes and listeners after a garbage collection."""
    session.send("HeapProfiler.collectGarbage")
    found = session.send("Memory.getDOMCounters")
    return {name: found[name] for name in ("nodes", "jsEventListeners")}


def settled(session: CDPSession) -> dict[str, int]:
    """The numbers when they have stayed equal for three readings."""
    seen = list[dict[str, int]]()

    def is_settled() -> bool:
        seen.append(counted(session))
        return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]

    wait_for(is_settled, "the page to be drawn", seconds=SHOWN_S)
    return seen[-1]


def expect_no_more(session: CDPSession, before: dict[str, int]) -> None:
    """Wait until there are no more nodes and listeners than before."""
    last: list[Any] = []

    def are_gone() -> bool:
        last[:] = [counted(session)]
        return all(last[0][name] <= before[name] for name in before)

    try:
        wait_for(are_gone, "removed nodes and listeners to be collected", seconds=SHOWN_S)
    except AssertionError as error:
        raise AssertionError(f"{error}\nbefore {before}\nafter  {last[0]}") from None


def walk(visit: Visit) -> None:
    """Show each page, and the desk at the end."""
    for name in (*PAGES[1:], PAGES[0]):
        visit.go(name)


def opened(visit: Visit) -> Page:
    visit.permit(*UNANSWERED)
    return visit.open("desk")


def test_pages_that_were_left_leave_no_node_and_no_listener(replay: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(replay)
    session = visit.context.new_cdp_session(opened(visit))
    walk(visit)
    before = settled(session)
    for _ in range(ROUNDS):
        walk(visit)
    expect_no_more(session, before)


def test_an_ended_session_leaves_no_node_and_no_listener(replay: ServedDesk, visiting: Visiting) -> None:
    visit = visiting(replay)
    visit.permit("status of 401")  # a request that was under way when its session ended
    page = opened(visit)
    session = visit.context.new_cdp_session(page)

    def sign_in_again() -> None:
        page.evaluate(SIGN_IN_AGAIN, replay.one_time_address(Role.TRADE).partition("#once=")[2])
        expect(page.locator(".head .age")).to_contain_text("age ")
        expect(page.locator("page-desk")).to_be_attached()

    sign_in_again()
    before = settled(session)
    for _ in range(ROUNDS):
        sign_in_again()
    expect_no_more(session, before)


def test_the_bars_of_a_chart_are_bounded_and_allocate_no_more(replay: ServedDesk, visiting: Visiting) -> None:
    kept, seconds, older = 3_000, 20_000, 500
    found = opened(visiting(replay)).evaluate(SECONDS_OF_BARS, [kept, seconds, older])

    def rows(length: int) -> dict[str, Any]:
        ends = (seconds + 1 - length, seconds)
        bars = [[second * 1_000, second, second + 1, second - 1, second + 0.5] for second in ends]
        return {"length": length, "lengths": [length] * 5, "rows": bars}

    assert found["following"] == {**rows(kept), "isAsLarge": True}
    assert found["scrolledBack"] == rows(kept + older)
    assert found["followingAgain"] == rows(kept)


def test_columns_equal_plain_arrays(replay: ServedDesk, visiting: Visiting) -> None:
    assert opened(visiting(replay)).evaluate(RANDOM_CHANGES, [14, 400]) is None


def test_only_the_newest_notices_stay(replay: ServedDesk, visiting: Visiting) -> None:
    page = opened(visiting(replay))
    page.evaluate(SEVEN_NOTICES)
    expect(page.locator(".notice > span")).to_have_text([f"notice {number}" for number in range(3, 8)])
