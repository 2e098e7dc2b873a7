"""Each condition appears in status, screen, summary, metrics, health check, log, alerts and docs/operations.md."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from structlog.testing import capture_logs

from cli.run_summary import show_summary
from cli.screen.head import summary_line
from cli.screen.line_screen import LineScreen
from cli.screen.page import render_page
from common.project_root import PROJECT_ROOT
from deploy.container.health import UNHEALTHY_INFO, desk_problem
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


def test_the_encoded_status_contains_the_condition(code: str, scene: Scene, found: Condition) -> None:
    assert list(seen_by_portfolio(scene, code)) == ([] if code in SEEN_FROM_OUTSIDE else [found])
    assert found.text


def test_the_headline_is_trading_only_if_no_condition_affects_trading(scene: Scene, found: Condition) -> None:
    assert found.effect is CONDITION_KINDS[found.code].effect or CONDITION_KINDS[found.code].effect is None
    shows_trading = headline(scene.view().conditions, scene.view().plan.symbols) == "TRADING"
    assert shows_trading == all(one.effect is Effect.NONE for one in scene.view().conditions)


def test_the_screen_shows_the_condition_at_two_widths_and_as_lines(
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


def test_the_summary_shows_a_condition_that_needs_a_person_and_whether_the_desk_is_stopped(
    scene: Scene, found: Condition, capsys: pytest.CaptureFixture[str]
) -> None:
    view = scene.view()
    held = tuple(filter(needs_person, view.conditions))
    assert view.before is not None
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


def test_the_metrics_contain_the_condition(scene: Scene, found: Condition) -> None:
    if found.code in SEEN_FROM_OUTSIDE:
        return
    state = scene.driven.state
    readings = {(spec.name, *labels): value for spec, value, *labels in _trading(state, scene.mono_ns)}
    assert readings["trading_portfolio_condition_state", found.code, found.subject] == 1
    assert readings["trading_portfolio_trading_state", state.account.book.trading_state] == 1
    assert sum(value == 1 for name, value in readings.items() if name[0] == "trading_portfolio_trading_state") == 1
    assert any(described.name == "trading_portfolio_drawdown_ratio" for described in METRICS.described)


def test_the_health_check_fails_if_the_condition_prevents_trading(scene: Scene, found: Condition) -> None:
    status = scene.view().status
    assert status is not None
    if found.code in SEEN_FROM_OUTSIDE:
        return  # the health check queries supervisord for these
    is_named = found.code in desk_problem(status)
    assert is_named == (keeps_from_trading(found) or found.code in UNHEALTHY_INFO)


def test_the_log_has_one_line_at_the_beginning_and_one_at_the_end_of_the_condition(found: Condition) -> None:
    log = ConditionLog()
    with capture_logs() as lines:
        log.update([found])
        log.update([found])
        log.update([])
    assert [(line["log_level"], line["event"]) for line in lines] == [
        (LEVELS[found.severity], describe(found)),
        ("info", f"ended: {describe(found)}"),
    ]


def test_a_condition_that_needs_a_person_raises_one_alert(found: Condition) -> None:
    watch = ConditionWatch()
    begun, _ = watch.update(filter(needs_person, [found]))
    assert begun == ([found] if needs_person(found) else [])
    assert watch.update(filter(needs_person, [found])) == ([], [])


def test_the_operations_page_has_a_row_for_the_condition(code: str) -> None:
    kind = CONDITION_KINDS[code]
    effect = "trading state" if kind.effect is None else kind.effect.value
    assert f"| `{code}` | {kind.severity} | {effect} | {kind.meaning} | {kind.action} |" in OPERATIONS


def test_the_operations_page_has_no_other_rows() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:INFO|WARNING|CRITICAL) \|", OPERATIONS, re.MULTILINE)
    assert rows == list(CONDITION_KINDS)


@pytest.mark.parametrize("state", PROCESS_STATES)
def test_the_headline_of_a_process_state_is_its_name(state: str, tmp_path: Path) -> None:
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
def test_the_headline_depends_on_how_many_symbols_cannot_trade(
    code: str, prevented: tuple[str, ...], headline_text: str
) -> None:
    found = _of(*prevented, code=code)
    assert headline(found, ["EURUSD", "GBPUSD"]) == headline_text
    assert trades_nothing(found, ["EURUSD", "GBPUSD"]) == (headline_text == "NOT TRADING")


def test_a_condition_of_a_symbol_that_is_not_traded_does_not_stop_the_desk() -> None:
    assert not trades_nothing(_of("USDJPY"), ["EURUSD"])
    assert not trades_nothing([condition("MARGIN_CALL", "why")], ["EURUSD"])
    assert trades_nothing([condition("CONNECTING", "why")], ["EURUSD"])
    assert headline(_of("EURUSD"), []) == "PARTLY TRADING"
