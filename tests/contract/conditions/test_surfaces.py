"""Every condition of the table is shown by every surface, from the status to the documents."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from structlog.testing import capture_logs

from cli.live_view import LineScreen, render_page, summary_line
from cli.run_summary import show_summary
from common.project_root import PROJECT_ROOT
from deploy.container.health import SICK, desk_problem
from orchestration.desk_runner import DeskSummary
from proto.codec import decode_control_reply, encode
from proto.control import (
    CONDITION_KINDS,
    PROCESS_STATES,
    Condition,
    Effect,
    Severity,
    StatusReply,
    condition,
    describe,
    headline,
    keeps_from_trading,
    needs_person,
    trades_nothing,
)
from proto.control.condition_watch import ConditionWatch
from services.portfolio.condition_log import ConditionLog
from services.portfolio.metrics import METRICS, _trading
from tests.contract.conditions.triggers import SEEN_FROM_OUTSIDE, TRIGGERS, Scene
from tests.support.desk_harness import a_live_desk

OPERATIONS = (PROJECT_ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
LEVELS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "error"}


@pytest.fixture(params=CONDITION_KINDS)
def code(request: pytest.FixtureRequest) -> str:
    found = request.param
    assert isinstance(found, str)
    return found


@pytest.fixture
def scene(code: str, tmp_path: Path) -> Scene:
    return TRIGGERS[code](tmp_path)


@pytest.fixture
def found(code: str, scene: Scene) -> Condition:
    return next(one for one in scene.view().conditions if one.code == code)


def seen_by_portfolio(scene: Scene, code: str) -> Iterator[Condition]:
    sent = scene.view().status
    assert sent is not None
    status = decode_control_reply(encode(sent))
    assert isinstance(status, StatusReply)
    return (one for one in status.conditions if one.code == code)


def test_each_condition_has_a_trigger_and_each_trigger_a_condition() -> None:
    assert sorted(TRIGGERS) == sorted(CONDITION_KINDS)


def test_a_desk_that_trades_has_no_condition() -> None:
    scene = Scene(a_live_desk())
    assert scene.view().conditions == []
    assert headline([], ["EURUSD"]) == "TRADING"


def test_the_status_has_it_as_it_travels(code: str, scene: Scene, found: Condition) -> None:
    assert list(seen_by_portfolio(scene, code)) == ([] if code in SEEN_FROM_OUTSIDE else [found])
    assert found.text


def test_no_surface_shows_trading_while_a_condition_prevents_any_trading(scene: Scene, found: Condition) -> None:
    assert found.effect is CONDITION_KINDS[found.code].effect or CONDITION_KINDS[found.code].effect is None
    shows_trading = headline(scene.view().conditions, scene.view().plan.symbols) == "TRADING"
    assert shows_trading == all(one.effect is Effect.NONE for one in scene.view().conditions)


def test_the_screen_shows_it_wide_narrow_and_as_lines(
    scene: Scene, found: Condition, capsys: pytest.CaptureFixture[str]
) -> None:
    view = scene.view()
    for width in (44, 120):
        out = Console(file=io.StringIO(), width=width, height=60, color_system=None)
        with out.capture() as captured:
            out.print(render_page(view, width=width, height=60))
        assert found.code in captured.get()
        assert f"SIMULATED  {headline(view.conditions, view.plan.symbols)} " in captured.get().splitlines()[0]
    LineScreen().show(view)
    assert f"ALERT {describe(found)}" in capsys.readouterr().out
    assert f" {headline(view.conditions, view.plan.symbols)} up" in summary_line(view)


def test_the_summary_names_it_and_the_exit_code_follows(
    scene: Scene, found: Condition, capsys: pytest.CaptureFixture[str]
) -> None:
    view = scene.view()
    held = tuple(filter(needs_person, view.conditions))
    summary = DeskSummary(
        plan=view.plan,
        up_s=1.0,
        before=view.before,
        after=view.before,
        differences=[],
        late_deals=0,
        end="",
        conditions=held,
    )
    show_summary(summary)
    shown = " ".join(capsys.readouterr().out.split())
    assert (describe(found) in shown) == needs_person(found)
    assert summary.is_stopped == (any(map(keeps_from_trading, held)) or trades_nothing(held, view.plan.symbols))
    if keeps_from_trading(found):
        assert summary.is_stopped


def test_the_metrics_have_it(scene: Scene, found: Condition) -> None:
    if found.code in SEEN_FROM_OUTSIDE:
        return
    state = scene.driven.state
    readings = {(spec.name, *labels): value for spec, value, *labels in _trading(state, scene.mono_ns)}
    assert readings["trading_portfolio_condition_state", found.code, found.subject] == 1
    assert readings["trading_portfolio_trading_state", state.account.book.trading_state] == 1
    assert sum(value == 1 for name, value in readings.items() if name[0] == "trading_portfolio_trading_state") == 1
    assert any(described.name == "trading_portfolio_drawdown_ratio" for described in METRICS.described)


def test_the_health_check_fails_if_it_prevents_the_desk_from_trading(scene: Scene, found: Condition) -> None:
    status = scene.view().status
    assert status is not None
    if found.code in SEEN_FROM_OUTSIDE:
        return  # the check asks supervisord itself
    is_named = found.code in desk_problem(status)
    assert is_named == (keeps_from_trading(found) or found.code in SICK)


def test_the_log_has_its_beginning_at_its_level_and_its_end(found: Condition) -> None:
    log = ConditionLog()
    with capture_logs() as lines:
        log.update([found])
        log.update([found])
        log.update([])
    assert [(line["log_level"], line["event"]) for line in lines] == [
        (LEVELS[found.severity], describe(found)),
        ("info", f"over: {describe(found)}"),
    ]


def test_an_alert_is_raised_once_unless_it_passes_by_itself(found: Condition) -> None:
    watch = ConditionWatch()
    begun, _ = watch.update(filter(needs_person, [found]))
    assert begun == ([found] if needs_person(found) else [])
    assert watch.update(filter(needs_person, [found])) == ([], [])


def test_the_document_has_a_row_with_meaning_and_action(code: str) -> None:
    kind = CONDITION_KINDS[code]
    effect = "trading state" if kind.effect is None else kind.effect.value
    assert f"| `{code}` | {kind.severity} | {effect} | {kind.meaning} | {kind.action} |" in OPERATIONS


def test_the_document_has_no_other_row() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:INFO|WARNING|CRITICAL) \|", OPERATIONS, re.MULTILINE)
    assert rows == list(CONDITION_KINDS)


@pytest.mark.parametrize("state", PROCESS_STATES)
def test_a_state_of_the_process_is_its_own_headline(state: str, tmp_path: Path) -> None:
    status = TRIGGERS[state](tmp_path).view().status
    assert status is not None
    assert headline(status.conditions, []) == state.replace("_", " ")


def _of(*symbols: str, code: str = "SIGNAL_SILENT") -> list[Condition]:
    return [condition(code, "why", subject=symbol) for symbol in symbols]


@pytest.mark.parametrize(
    ("prevented", "headline_text"),
    [((), "TRADING"), (("EURUSD",), "PARTLY TRADING"), (("EURUSD", "GBPUSD"), "NOT TRADING")],
)
@pytest.mark.parametrize("code", ["SIGNAL_SILENT", "BREAKER_OPEN", "SIGNAL_WARMING_UP"])
def test_a_desk_none_of_whose_symbols_trades_is_not_partly_trading(
    code: str, prevented: tuple[str, ...], headline_text: str
) -> None:
    found = _of(*prevented, code=code)
    assert headline(found, ["EURUSD", "GBPUSD"]) == headline_text
    assert trades_nothing(found, ["EURUSD", "GBPUSD"]) == (headline_text == "NOT TRADING")


def test_what_prevents_symbols_that_are_not_traded_prevents_nothing_else() -> None:
    assert not trades_nothing(_of("USDJPY"), ["EURUSD"])
    assert not trades_nothing([condition("MARGIN_CALL", "why")], ["EURUSD"])
    assert trades_nothing([condition("CONNECTING", "why")], ["EURUSD"])
    assert headline(_of("EURUSD"), []) == "PARTLY TRADING"
