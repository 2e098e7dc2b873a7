"""promtool and amtool accept the rules; each alert fires at its true time, and has a section in docs/operations.md."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from proto.control import CONDITION_KINDS, Severity
from tests.contract.alert_cases import CASES, STEP_S, AlertCase
from tests.support.alert_rules import (
    ALERTMANAGER,
    PROMETHEUS,
    RULE_FILES,
    AlertRule,
    alert_rules,
    recorded_names,
    rule_groups,
)
from tests.support.prometheus import documented_series
from tests.support.shared_data import ROOT

PROMTOOL: Final = shutil.which("promtool")
AMTOOL: Final = shutil.which("amtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool here; Debian: apt-get install prometheus")

SEEN_FROM_OUTSIDE: Final = {"PROCESS_DOWN": "ProcessDown", "PORTFOLIO_SILENT": "ProcessDown", "PAGE_DOWN": "PageDown"}
"""Conditions that portfolio does not report, because it does not know them or does not answer, and their alerts."""


RULES: Final = alert_rules()
GROUPS: Final = [group["name"] for group in sorted(rule_groups(), key=lambda group: "alert" in group["rules"][0])]
"""The groups of rules, those of recorded series first, as alerts read these."""
_METRIC: Final = re.compile(r"\b(?:trading|process|desk)[_:][a-z0-9_:]+")


def run(*command: str | None) -> None:
    assert command[0] is not None
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def case_of(case: AlertCase) -> dict[str, Any]:
    """A case as a test of promtool."""
    firing = f'ALERTS{{alertname="{case.alert}", alertstate="firing"}}'
    labels = {**case.labels, **next(rule.labels for rule in RULES if rule.name == case.alert)}
    shown = ", ".join(f'{name}="{value}"' for name, value in labels.items() if value)
    expected = {"labels": f'ALERTS{{alertname="{case.alert}", alertstate="firing", {shown}}}', "value": 1}

    def at(seconds: int, samples: list[dict[str, Any]]) -> dict[str, Any]:
        return {"expr": firing, "eval_time": f"{seconds}s", "exp_samples": samples}

    times = range(0, 1_500, STEP_S)
    return {
        "interval": f"{STEP_S}s",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "promql_expr_test": [at(case.quiet_s, []), at(case.fires_s, [expected]), at(case.ends_s, [])]
        if case.fires_s
        else [at(seconds, []) for seconds in times],
    }


@needs_promtool
def test_promtool_accepts_configuration_and_rules() -> None:
    run(PROMTOOL, "check", "config", str(PROMETHEUS / "prometheus.yml"))
    run(PROMTOOL, "check", "rules", *map(str, RULE_FILES))


@pytest.mark.skipif(AMTOOL is None, reason="no amtool here; Debian: apt-get install prometheus-alertmanager")
def test_amtool_accepts_the_configuration_of_alertmanager() -> None:
    run(AMTOOL, "check-config", str(ALERTMANAGER))


@needs_promtool
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_alert_fires_and_ends_at_its_true_times(rule: AlertRule, tmp_path: Path) -> None:
    cases = [case for case in CASES if case.alert == rule.name]
    assert any(case.fires_s for case in cases), f"{rule.name} has no case in which it fires"
    file = tmp_path / "cases.json"  # JSON is YAML
    file.write_text(
        json.dumps(
            {
                "rule_files": [str(path) for path in RULE_FILES],
                "evaluation_interval": f"{STEP_S}s",
                "group_eval_order": GROUPS,
                "tests": [case_of(case) for case in cases],
            }
        )
    )
    run(PROMTOOL, "test", "rules", str(file))


def test_every_case_is_of_an_alert() -> None:
    assert {case.alert for case in CASES} == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_alert_has_severity_texts_and_a_section_of_the_runbook(rule: AlertRule) -> None:
    assert rule.labels.keys() == {"severity"}
    assert rule.labels["severity"] in ("critical", "warning")
    assert rule.annotations.keys() == {"summary", "description", "runbook"}
    assert all(rule.annotations.values())
    assert rule.annotations["runbook"] == f"docs/operations.md#{rule.name.lower()}"
    sections = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").split("\n### ")
    (section,) = (one for one in sections if one.startswith(f"{rule.name}\n"))
    for part in ("**Means:** ", "**Look at:** ", "**Do:** "):
        assert section.count(part) == 1, f"{rule.name}: expected {part.strip()} once"


def test_the_runbook_has_no_section_of_a_removed_alert() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    part = text.split("\n## Alerts of Prometheus\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (\w+)$", part, re.MULTILINE) == [rule.name for rule in RULES]


def test_rules_use_documented_metrics_only() -> None:
    known = {
        *documented_series(),
        *(f"{name}_bucket" for name, kind in documented_series().items() if kind == "histogram"),
        *recorded_names(),
    }
    used = {
        name: rule.get("record") or rule["alert"]
        for group in rule_groups()
        for rule in group["rules"]
        for name in _METRIC.findall(rule["expr"])
    }
    assert used.keys() - known == set()


def test_the_page_of_metrics_lists_every_recorded_series() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(desk:[a-z0-9_:]+)` \|", text, re.MULTILINE)
    assert sorted(listed) == sorted(recorded_names())


@pytest.mark.parametrize("severity", [Severity.CRITICAL, Severity.WARNING])
def test_every_condition_that_needs_a_person_has_an_alert_of_its_severity(severity: Severity) -> None:
    """A WARNING condition may also have a critical alert."""
    enough = {"critical"} if severity is Severity.CRITICAL else {"critical", "warning"}
    covered = {code for rule in RULES if rule.labels["severity"] in enough for code in rule.codes}
    names = {rule.name for rule in RULES if rule.labels["severity"] in enough}
    codes = {code for code, kind in CONDITION_KINDS.items() if kind.severity is severity}
    assert {code for code in codes - covered if SEEN_FROM_OUTSIDE.get(code) not in names} == set()


def test_alerts_name_existing_conditions() -> None:
    assert {code for rule in RULES for code in rule.codes} - CONDITION_KINDS.keys() == set()
