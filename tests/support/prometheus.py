"""Queries of a running Prometheus, and the metrics that docs/metrics.md lists."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any, Final

from tests.support.shared_data import ROOT

_ROW: Final = re.compile(r"^\| `(?P<name>(?:trading|process)_[a-z0-9_]+)` \| (?P<kind>\w+) \|", re.MULTILINE)


def documented_series() -> dict[str, str]:
    """Every metric of docs/metrics.md with its type."""
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    return {row["name"]: row["kind"] for row in _ROW.finditer(text)}


class Prometheus:
    """The HTTP interface of a Prometheus. While Prometheus does not answer, results are empty, but `series` raises."""

    def __init__(self, port: int, *, reload: Callable[[], None] | None = None) -> None:
        """Use the Prometheus that listens on `port` of this host; `reload` lets it read its configuration again."""
        self._url = f"http://127.0.0.1:{port}/api/v1"
        self._reload = reload

    def reload(self) -> None:
        """Let Prometheus read its configuration again."""
        assert self._reload is not None
        self._reload()

    def targets(self) -> dict[str, str]:
        """Each target's health, by its label `service`, or by its job if it has no such label."""
        active = self._ask("targets").get("activeTargets", [])
        return {target["labels"].get("service", target["labels"]["job"]): target["health"] for target in active}

    def value(self, expression: str) -> float:
        """The sum of an expression's values, 0 if there are none."""
        found = self._ask("query", query=expression).get("result", [])
        return sum(float(sample["value"][1]) for sample in found)

    def series(self, expression: str) -> list[dict[str, str]]:
        """The labels of each series of an expression.

        Raises:
            urllib.error.HTTPError: Prometheus rejects the expression.
        """
        with urllib.request.urlopen(
            f"{self._url}/query?{urllib.parse.urlencode({'query': expression})}", timeout=5
        ) as answer:
            return [sample["metric"] for sample in json.load(answer)["data"]["result"]]

    def names(self) -> set[str]:
        """Every metric name that has a series."""
        found = self._ask("label/__name__/values")
        return set(found) if isinstance(found, list) else set()

    def missing(self, documented: dict[str, str]) -> list[str]:
        """Documented metrics that have no series."""
        names = self.names()
        shown = {name: f"{name}_bucket" if kind == "histogram" else name for name, kind in documented.items()}
        return [name for name, series in shown.items() if series not in names]

    def _ask(self, path: str, **parameters: str) -> Any:
        url = f"{self._url}/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)["data"]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return {}
