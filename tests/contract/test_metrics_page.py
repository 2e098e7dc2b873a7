"""docs/metrics.md lists the metrics that the processes have, and promtool accepts them."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess

import pytest
from prometheus_client import generate_latest

from common.metrics import DurationHistogram, MetricKind, MetricSpec, ProcessMetrics, Reading
from tests.tidy.source import ROOT

SERVICES = ("mt5", "signal", "portfolio", "execution", "watchdog", "web", "notify")
ROW = re.compile(r"^\| `(?P<name>[a-z0-9_]+)` \| (?P<kind>\w+) \| (?P<labels>[^|]*)\|[^|]*\|$", re.MULTILINE)
UNITS = (
    "ratio",
    *("ticks", "signals", "gaps", "frames", "calls", "answers", "reports", "requests", "replies", "messages"),
    *(
        "deals",
        "orders",
        "fills",
        "questions",
        "fallbacks",
        "faults",
        "modifications",
        "audits",
        "events",
        "processes",
        "alerts",
        "tries",
        "changes",
        "connections",
        "commands",
        "ordinal",
        "seconds",
        "lots",
        "currency",
        "state",
        "up",
        "info",
    ),
)
PROMTOOL = shutil.which("promtool")

Metric = tuple[str, tuple[str, ...]]


def metrics_of(service: str) -> ProcessMetrics:
    metrics = importlib.import_module(f"services.{service}.metrics").METRICS
    assert isinstance(metrics, ProcessMetrics)
    return metrics


def section(title: str) -> str:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def documented(title: str) -> dict[str, Metric]:
    return {
        row["name"]: (row["kind"], tuple(re.findall(r"`(\w+)`", row["labels"]))) for row in ROW.finditer(section(title))
    }


def _any_reading(described: MetricSpec) -> Reading:
    value = DurationHistogram() if described.kind is MetricKind.HISTOGRAM else 1
    return (described, value, *("any" for _ in described.labels))


def row_of(described: MetricSpec) -> str:
    """The row of a metric on the page, whose meaning is the metric's help text."""
    labels = ", ".join(f"`{name}`" for name in described.labels)
    return f"| `{described.name}` | {described.kind} | {labels}{' ' if labels else ''}| {described.meaning} |"


@pytest.mark.parametrize("service", SERVICES)
def test_the_page_has_a_row_for_each_metric_of_a_process_and_no_other(service: str) -> None:
    rows = [line for line in section(service).splitlines() if line.startswith("| `")]
    expected = [row_of(described) for described in metrics_of(service).described]
    missing, unknown = set(expected) - set(rows), set(rows) - set(expected)
    assert not missing, "\n".join(["docs/metrics.md lacks:", *missing])
    assert not unknown, "\n".join(["docs/metrics.md has rows without a metric:", *unknown])


@pytest.mark.parametrize("service", SERVICES)
def test_metric_names_contain_service_and_unit(service: str) -> None:
    units = "|".join(UNITS)
    for described in metrics_of(service).described:
        assert re.fullmatch(rf"trading_{service}_[a-z_]+_({units})(_total)?", described.name)


def test_metrics_of_the_operating_system_are_described() -> None:
    """The operating system decides which of these metrics exist; the page describes all of them."""
    names = set(
        re.findall(r"^# TYPE (process_\w+)", generate_latest(metrics_of("mt5").registry()).decode(), re.MULTILINE)
    )
    assert names <= set(documented("Every process"))


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool here; Debian: apt-get install prometheus")
@pytest.mark.parametrize("service", SERVICES)
def test_promtool_accepts_the_metrics(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every metric gets a value, so that promtool checks each."""
    metrics = metrics_of(service)
    monkeypatch.setattr(metrics, "_is_served", True)
    own = {count.described.name for count in metrics._own}
    others = [*metrics.described[1:]]  # `ProcessMetrics` sets the first, build_info, itself
    metrics.update(lambda: [_any_reading(described) for described in others if described.name not in own])
    assert PROMTOOL is not None
    found = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=generate_latest(metrics.registry()), capture_output=True, check=False
    )
    assert (found.returncode, (found.stdout + found.stderr).decode()) == (0, "")


@pytest.mark.parametrize(
    "path", ["deploy/grafana/dashboards/paperdesk.json", "deploy/grafana/dashboards/risk.json", "docs/metrics.md"]
)
def test_the_dashboards_and_the_page_query_existing_metrics(path: str) -> None:
    queried = re.findall(rf"\btrading_(?:{'|'.join(SERVICES)})_[a-z_]+", (ROOT / path).read_text(encoding="utf-8"))
    known = {name for service in SERVICES for name in documented(service)}
    assert queried
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in queried} <= known
