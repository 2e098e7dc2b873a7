"""Reads the queries of the provisioned Grafana dashboards."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from tests.support.shared_data import ROOT

FOLDER: Final = ROOT / "deploy" / "grafana"
_LABEL: Final = re.compile(r"\{\{(\w+)\}\}")


class Query(NamedTuple):
    """One query of a panel: its expression, the labels that its legend shows, and its data source."""

    panel: str
    expression: str
    labels: frozenset[str]
    source: str


def dashboards() -> dict[str, dict[str, Any]]:
    """The shipped dashboards, by the name of their file."""
    return {
        path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / "dashboards").iterdir())
    }


def queries() -> list[Query]:
    """Every query of every panel of every dashboard."""
    return [
        Query(
            f"{dashboard['title']}, {panel['title']}",
            target["expr"],
            frozenset(_LABEL.findall(target.get("legendFormat", ""))),
            target["datasource"]["uid"],
        )
        for dashboard in dashboards().values()
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]
