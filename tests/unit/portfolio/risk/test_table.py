"""Tests of every rule with the rows of `rule_rows.py`: its limit, its effect on reductions, and a restart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from proto.control import TradingState
from proto.time import DAY_NS
from proto.trading.enums import OrderType, Side, TimeInForce
from services.portfolio.core.account.events import CancelRequested, OrderCreated, OrderUpdated
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.tick_cursor import Mark
from services.portfolio.core.decision.exits import exit_events
from services.portfolio.core.decision.signal_decision import DecisionConditions, decide_signal
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.core.queries.denial_hints import denial_hint
from services.portfolio.core.risk import checks
from services.portfolio.core.risk import rules as rules_package
from services.portfolio.core.risk.limits import DEFAULT_LIMITS
from services.portfolio.core.risk.registry import BASE_RULES, OPENING_RULES, active_rules
from services.portfolio.core.risk.rule import Phase, RiskRule
from services.portfolio.core.risk.rules import RULES
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import OrderProposal
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, verify_ledger
from tests.support.builders import START_NS, a_signal, an_order
from tests.unit.portfolio.risk.rule_rows import ROWS, Row, a_stopped_desk
from tests.unit.portfolio.risk.scenes import D, an_account, an_order_for, only

CODE = re.compile(r'"([A-Z]{2,}(?:_[A-Z]+)*)"')

each_row = pytest.mark.parametrize("row", ROWS, ids=[f"{at}-{row.code}" for at, row in enumerate(ROWS)])
each_rule = pytest.mark.parametrize("rule", RULES, ids=[rule.code for rule in RULES])


def source_of(rule: RiskRule) -> str:
    """Return the module of a rule."""
    return Path(rule.check.__code__.co_filename).read_text(encoding="utf-8")


@each_rule
def test_every_denial_code_has_a_row_a_meaning_and_a_hint(rule: RiskRule) -> None:
    rows = {row.code for row in ROWS}
    for code in rule.codes:
        assert code.code in rows, f"add a row for {code.code} to tests/unit/portfolio/risk/rule_rows.py"
        assert code.meaning
        assert "|" not in code.meaning, "the meaning is a cell of a Markdown table"
        assert denial_hint(code.code) == code.hint != ""


def test_every_module_of_a_rule_is_registered_once() -> None:
    names = {file.stem for file in Path(str(rules_package.__file__)).parent.glob("*.py")} - {"__init__"}
    assert sorted(Path(rule.check.__code__.co_filename).stem for rule in RULES) == sorted(names)


@each_rule
def test_a_rule_declares_every_code_that_it_denies_with(rule: RiskRule) -> None:
    found = {code for code in CODE.findall(source_of(rule)) if code != rule.setting}
    conditions = set() if rule.equity_watch is None else {rule.equity_watch.condition}
    assert found - conditions <= {code.code for code in rule.codes}


@each_rule
def test_a_rule_with_stored_state_can_be_reset(rule: RiskRule) -> None:
    assert ("context.risk_state" in source_of(rule)) == (rule.reset is not None)
    assert rule.reset is not None or (rule.updates is None and rule.on_resume is None)


@each_rule
def test_each_limit_denies_with_one_code_so_that_an_exception_covers_one_limit(rule: RiskRule) -> None:
    assert rule in BASE_RULES or len(rule.codes) == 1
    assert not (rule.can_be_excepted and (rule in BASE_RULES or rule.escalates_to))


@each_rule
def test_a_rule_that_is_not_a_base_rule_has_a_limit_a_budget_or_a_setting(rule: RiskRule) -> None:
    assert (rule in BASE_RULES) != bool(rule.limits or rule.budgets or rule.setting)
    assert (rule in BASE_RULES) != (rule in OPENING_RULES)


def test_every_limit_is_read_by_the_rule_that_declares_it() -> None:
    not_read_by_rules = {"name", "leverage", "position_legs_max", "foreign_orders", "rearm_at_day_end"}
    fields = {field for field in DEFAULT_LIMITS.__struct_fields__ if field not in not_read_by_rules}
    rule_of_field = {
        field: rule for rule in RULES for field in (*(limit.field for limit in rule.limits), *rule.parameters)
    }
    assert set(rule_of_field) == fields
    assert [field for field, rule in rule_of_field.items() if f"limits.{field}" not in source_of(rule)] == []


@each_row
def test_a_rule_allows_the_last_situation_before_its_limit(row: Row) -> None:
    assert row.scene(False).denial() is None


@each_row
def test_a_rule_denies_with_its_limit_and_the_observed_value(row: Row) -> None:
    scene = row.scene(True)
    denial = scene.denial()
    assert denial is not None
    assert (denial.code, denial.limit, denial.observed) == (row.code, row.limit, row.observed)
    answers = {rule: rule.check(scene.order, scene.account(), scene.now_ns) for rule in row.rules}
    assert denial in answers.values(), "the denial is made by a rule of the row"
    if denial.escalate_to is not None:
        assert denial.escalate_to in row.rules[0].escalates_to


@pytest.mark.parametrize("row", [row for row in ROWS if row.rules[0].limits], ids=lambda row: row.code)
def test_without_its_limits_a_rule_denies_nothing_and_is_inactive_unless_always_asked(row: Row) -> None:
    scene, [rule] = row.scene(True), row.rules
    lifted: dict[str, Any] = {limit.field: () if limit.field == "news_calendar" else None for limit in rule.limits}
    account = scene.account()
    assert rule.check(scene.order, account, scene.now_ns) is not None
    assert rule.is_active(account.limits, account.plan)
    account = account._replace(limits=structs.replace(account.limits, **lifted))
    assert rule.check(scene.order, account, scene.now_ns) is None
    assert rule.is_active(account.limits, account.plan) == rule.is_always_asked


@each_row
def test_an_inactive_rule_would_deny_nothing(row: Row) -> None:
    """Every rule that denies the row's order is active under the row's limits."""
    scene = row.scene(True)
    account = scene.account()
    answers = [rule for rule in RULES if rule.check(scene.order, account, scene.now_ns) is not None]
    assert all(rule.is_active(account.limits, account.plan) for rule in answers)


@each_row
def test_a_denial_before_sizing_does_not_depend_on_volume_or_price(row: Row) -> None:
    scene = row.scene(True)
    account = scene.account()
    for rule in row.rules:
        if Phase.BEFORE_SIZING in rule.phases:
            order = scene.order._replace(volume=D(7), opening_volume=D(7), price=D(2), limit_price=D(3), stop_loss=D(1))
            assert rule.check(order, account, scene.now_ns) == scene.denial()


@each_row
def test_checks_before_and_after_sizing_together_equal_all_rules(row: Row) -> None:
    for past in (False, True):
        scene = row.scene(past)
        account = scene.account()
        early = checks.check_before_sizing(scene.order, account, scene.now_ns)
        assert early is None or early == scene.denial()
        if early is None:
            assert checks.check_sized(scene.order, account, scene.now_ns) == scene.denial()


def test_rules_are_called_in_order_up_to_the_first_denial() -> None:
    account = an_account(only(order_volume_max=D(1), leverage=D(1), gross_exposure_pct_of_power_max=D(1)))
    assert active_rules(account.limits, account.plan) is active_rules(account.limits, account.plan)
    denial = checks.check_order(an_order_for("1.01"), account, START_NS)
    assert denial is not None
    assert denial.code == "ORDER_VOLUME"
    denial = checks.check_order(an_order_for("1.01"), account, START_NS, ["ORDER_VOLUME"])
    assert denial is not None
    assert denial.code == "GROSS_EXPOSURE"


@each_row
def test_a_rule_allows_reductions_unless_it_applies_to_every_order(row: Row) -> None:
    scene = row.scene(True)
    scene.order = scene.order._replace(opening_volume=D(0))
    denial = scene.denial()
    assert (denial is not None) is row.stops_closing
    assert all(rule in BASE_RULES for rule in row.rules) or not row.stops_closing


@each_row
def test_the_closed_part_of_an_allowed_reversal_needs_only_the_rules_on_volumes(row: Row) -> None:
    """The volumes of the part: allowed, between two steps, and above the venue's maximum."""
    checked = 0
    for past in (False, True):
        scene = row.scene(past)
        account, now_ns = scene.account(), scene.now_ns
        whole = scene.order._replace(
            type=OrderType.MARKET, limit_price=None, time_in_force=TimeInForce.IOC, expires_ns=0
        )
        if checks.check_order(whole, account, now_ns) is not None:
            continue
        for volume in (D(1), D("0.015"), D(1_000)):
            part = OrderProposal(whole.instrument, whole.direction, volume, D(0), whole.price, whole.confidence)
            denial = checks.check_closed_part(part, account, now_ns)
            assert denial == checks.check_base_rules(part, account, now_ns)
            assert (denial is None) is (volume == 1)
            checked += 1
    assert checked, "some order of the row is allowed"


@each_row
def test_a_rule_cancels_resting_orders_only_if_it_applies_to_resting_orders(row: Row) -> None:
    """A tick is processed with the allowed situation and with the denied one."""
    for past in (False, True):
        scene = row.scene(past)
        state = scene.state
        order = an_order(
            len(state.account.book.orders) + 1,
            type=OrderType.LIMIT,
            limit_price=D("1.09"),
            time_in_force=TimeInForce.GTC,
        )
        state.account.emit(OrderCreated(order=order))
        signal = a_signal(9, time_ns=scene.now_ns, confidence=scene.order.confidence)
        present = DecisionConditions(
            tick_age_ns=scene.facts.get("tick_age_ns", 0),
            storage_problem=scene.facts.get("storage_problem", ""),
            lease_problem=scene.facts.get("lease_problem", ""),
        )
        ended = exit_events(signal, state.account.book, state.stream, state.config, present)
        expected = [order.order_id] if past and any(Phase.RESTING in rule.phases for rule in row.rules) else []
        assert [event.order_id for event in ended if isinstance(event, CancelRequested)] == expected
        assert len(ended) == len(expected)


def test_a_halted_desk_accepts_a_persons_closes_and_nothing_that_opens() -> None:
    scene = a_stopped_desk(TradingState.HALTED)(True)
    scene.order = scene.order._replace(is_manual=True)
    denial = scene.denial()
    assert denial is not None
    assert denial.code == "HALTED"
    scene.order = scene.order._replace(opening_volume=D(0))
    assert scene.denial() is None


@each_row
def test_a_rule_decides_after_a_restart_as_before_the_restart(row: Row, tmp_path: Path) -> None:
    for past in (False, True):
        scene = row.scene(past)
        before, path = scene.denial(), tmp_path / f"{past}-{LEDGER_FILE_NAME}"
        ledger = Ledger(path)
        ledger.commit(scene.state.account.take_events(), scene.state.account.book, scene.state.stream.persisted)
        ledger.close()
        ledger = Ledger(path)
        scene.restart(*ledger.load())
        ledger.close()
        assert scene.denial() == before
        assert verify_ledger(path) == []
        if past and row.rules[0].reset is not None:
            scene.state.stream.risk = RiskState()
            after = scene.denial()
            assert after != before, "without the stored state the rule would decide differently"


# Between sessions a signal's close waits; tests/unit/portfolio/decision/test_closed_markets.py tests this.
@pytest.mark.parametrize(
    "row", [row for row in ROWS if not row.stops_closing and row.code != "MARKET_CLOSED"], ids=lambda row: row.code
)
def test_a_denied_reversal_still_closes_the_position(row: Row) -> None:
    """A signal to buy against a short position: the rule denies the opening, and the position is closed."""
    scene = row.scene(True)
    state, order = scene.state, scene.order
    for order_id in list(state.account.book.open_orders):
        state.account.emit(
            OrderUpdated(
                order_id=order_id,
                status=OrderStatus.REJECTED,
                ticket=None,
                retcode=None,
                code="",
                error="",
                time_ns=START_NS - DAY_NS,
            )
        )
    scene.hold("EURUSD", "-0.01")
    mark = state.stream.cursor.marks["EURUSD"]
    if row.code == "PRICE_COLLAR":
        mark = Mark(mark.bid, float(order.price), START_NS)
    rules = structs.replace(state.config, default_volume=order.opening_volume, on_opposite=OnOpposite.REVERSE)
    signal = a_signal(1, 1, time_ns=scene.now_ns, bid=mark.bid, ask=mark.ask, confidence=order.confidence)
    conditions = DecisionConditions(
        tick_age_ns=scene.facts.get("tick_age_ns", 0),
        latest_bid_ask=scene.facts.get("latest_bid_ask"),
        lease_problem=scene.facts.get("lease_problem", ""),
    )
    [event] = decide_signal(signal, state.account.book, state.stream, rules, conditions).events
    assert isinstance(event, OrderCreated)
    assert (event.order.side, event.order.volume) == (Side.BUY, D("0.01"))
    if row.code != "REDUCE_ONLY":  # in REDUCE_ONLY the signal does not try to open anything
        assert f"closes only: {row.code} " in event.order.decision.reason
