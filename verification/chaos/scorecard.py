"""The results of a chaos run."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from verification.chaos.oracle import OracleFindings

_DETAILS: Final = re.compile(
    r"[0-9a-f]{8}-[0-9]{6,}|[+-]?[0-9]+\.[0-9]+ s|\b[0-9]+ (?=differences|orders)|, the first: .*"
)


def normalize_reason(reason: str) -> str:
    """A reason of a trading state without ids and numbers, so that reasons of one kind are counted together."""
    return " ".join(_DETAILS.sub("", reason).split())


@dataclass
class Scorecard:
    """The counts of a run, and the comparison of ledger and venue at its end (`verdict`).

    `recoveries_s` are the seconds from each fault to the next new order, by process or fault.
    """

    minutes: float
    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    network: dict[str, int] = field(default_factory=dict)
    not_played: dict[str, str] = field(default_factory=dict)
    resumed: Counter[str] = field(default_factory=Counter)
    recoveries_s: dict[str, list[float]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    settled: str = ""
    verdict: OracleFindings = field(default_factory=OracleFindings)

    @property
    def gateway_calls(self) -> int:
        """Number of requests that arrived at the proxy, including those that it dropped."""
        return self.network.get("request", 0)

    @property
    def kills(self) -> int:
        """Number of injected kills; deaths of processes by other faults do not count."""
        return sum(count for name, count in self.faults.items() if name.startswith("kill "))

    @property
    def is_clean(self) -> bool:
        """Whether ledger and venue agree, and no order is in doubt."""
        return self.verdict.agrees and not self.verdict.in_doubt

    def as_json(self) -> dict[str, Any]:
        """All results by name, for a JSON file."""
        recovery = {
            name: {"count": len(times), "p50": quantile(times, 0.5), "p99": quantile(times, 0.99)}
            for name, times in sorted(self.recoveries_s.items())
        }
        return {
            "minutes": self.minutes,
            "seed": self.seed,
            "kills": self.kills,
            "gateway_calls": self.gateway_calls,
            "faults": dict(sorted(self.faults.items())),
            "network": self.network,
            "not_played": self.not_played,
            "resumed_by_the_command": dict(sorted(self.resumed.items())),
            "recovery_s": recovery,
            "desks_own_differences": self.differences,
            "settled": self.settled,
            "clean": self.is_clean,
            **asdict(self.verdict),
        }


def quantile(values: list[float], share: float) -> float | None:
    """The quantile of values in seconds, rounded to milliseconds; None without values.

    Args:
        values: in seconds.
        share: of the values that are below the quantile, 0 to 1.
    """
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
