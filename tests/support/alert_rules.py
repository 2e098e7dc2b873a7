"""Reads the rules of deploy/prometheus, and writes copies of them for tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml  # type: ignore[import-untyped]

from tests.support.shared_data import ROOT

PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
ALERTMANAGER: Final = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
RULE_FILES: Final = tuple(sorted((PROMETHEUS / "rules").glob("*.yml")))

_UNIT_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"(?P<before>\[|\bfor: )(?P<count>\d+)(?P<unit>[smhd])\b")
_CODES: Final = re.compile(r'code=~?"(?P<codes>[A-Z_|]+)"')


class AlertRule(NamedTuple):
    """One alert rule; `for_s` is the time in seconds for which the expression must hold."""

    name: str
    expression: str
    for_s: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def codes(self) -> frozenset[str]:
        """The codes of conditions that the expression selects."""
        return frozenset(code for found in _CODES.findall(self.expression) for code in found.split("|"))


def rule_groups() -> list[dict[str, Any]]:
    """The groups of all rule files."""
    return [group for path in RULE_FILES for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]


def alert_rules() -> list[AlertRule]:
    """Every alert rule, in the order of the files."""
    return [
        AlertRule(
            rule["alert"], rule["expr"], _seconds(rule.get("for", "0s")), rule["labels"], rule.get("annotations", {})
        )
        for group in rule_groups()
        for rule in group["rules"]
        if "alert" in rule
    ]


def recorded_names() -> set[str]:
    """The names of all recorded series."""
    return {rule["record"] for group in rule_groups() for rule in group["rules"] if "record" in rule}


def write_fast_rules(folder: Path, *, divisor: int) -> None:
    """Write a copy of the rule files whose times and ranges are divided; each group is evaluated every half second.

    Args:
        folder: folder of the copies.
        divisor: of each `for` and each range.
    """

    def divided(found: re.Match[str]) -> str:
        milliseconds = int(found["count"]) * _UNIT_S[found["unit"]] * 1_000 // divisor
        return f"{found['before']}{milliseconds}ms"

    for path in RULE_FILES:
        text = _DURATION.sub(divided, path.read_text(encoding="utf-8"))
        (folder / path.name).write_text(text.replace("interval: 15s", "interval: 500ms"), encoding="utf-8")


def _seconds(duration: str) -> float:
    return int(duration[:-1]) * _UNIT_S[duration[-1]]
