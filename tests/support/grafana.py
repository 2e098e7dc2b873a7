"""Reads the queries of the provisioned Grafana dashboard."""

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


def dashboard() -> dict[str, Any]:
    """The shipped dashboard."""
    found: dict[str, Any] = json.loads((FOLDER / "dashboards" / "paperdesk.json").read_text(encoding="utf-8"))
    return found


def queries() -> list[Query]:
    """Every query of every panel."""
    return [
        Query(
            panel["title"],
            target["expr"],
            frozenset(_LABEL.findall(target.get("legendFormat", ""))),
            target["datasource"]["uid"],
        )
        for panel in dashboard()["panels"]
        for target in panel.get("targets", [])
    ]
