"""What a running desk shows each second, and what the venue's book says meanwhile, taken by threads of their own."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
import urllib.request
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from common.errors import StartError
from orchestration.control_client import ControlClient
from proto.control import StatusQuery, StatusReply
from verification.chaos.status_truth import Breach, OpeningDeal, StatusSample, Violation, shown_as

SAMPLE_S: Final = 1.0
ANSWER_S: Final = 0.5
BOOK_S: Final = 0.1
METRICS_S: Final = 0.5
JOIN_S: Final = 10.0
DIFFERENT_SAMPLES_MAX: Final = 2
"""Status and metrics are not read at the same instant: a difference counts when it lasts for more samples."""

_OPENING: Final = ("IN", "INOUT")
_HOLDS: Final = re.compile(r'^trading_portfolio_condition_state\{code="(\w+)",subject="([^"]*)"\} 1', re.MULTILINE)


@dataclass
class StatusSampler:
    """Samples from entering to leaving; times are seconds since `began_s` on the monotonic clock."""

    control_url: str
    book: Path
    metrics_port: int = 0
    began_s: float = field(default_factory=time.monotonic)
    fault: str = ""
    """What is being done to the desk, for the samples from here on."""

    status: StatusReply | None = None
    """The latest answer; None where the latest question had none."""

    samples: list[StatusSample] = field(default_factory=list)
    deals: list[OpeningDeal] = field(default_factory=list)
    disagreements: list[Violation] = field(default_factory=list)
    late_s_max: float = 0.0
    """The longest that a sample came late, as on a machine that is busy with something else."""

    _latest_deal: int = 0
    _different: int = 0
    _differing: set[tuple[str, str]] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Begin."""
        for name, work in (("status", self._sample_status), ("book", self._read_book)):
            thread = threading.Thread(target=work, name=f"sampler-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, and wait for it."""
        self._over.set()
        for thread in self._threads:
            thread.join(JOIN_S)

    @property
    def now_s(self) -> float:
        """The time that samples and deals taken now would have."""
        return time.monotonic() - self.began_s

    def opened_since(self, since_s: float) -> dict[str, float]:
        """When each symbol first opened exposure after that time; symbols that did not are missing."""
        first: dict[str, float] = {}
        for deal in reversed(self.deals):
            if deal.at_s <= since_s:
                break
            first[deal.symbol] = deal.at_s
        return first

    # ----------------------------------------------------------------------------------------------------- status

    def _sample_status(self) -> None:
        with ControlClient(self.control_url) as client:
            due_s = self.now_s
            while not self._over.wait(max(0.0, due_s - self.now_s)):
                self.late_s_max = max(self.late_s_max, self.now_s - due_s)
                due_s = max(due_s + SAMPLE_S, self.now_s)
                try:
                    self.status = client.request(StatusQuery(), StatusReply, timeout_s=ANSWER_S)
                except StartError:  # an answer that is none: nothing is shown to a person either
                    self.status = None
                conditions = None if self.status is None else tuple(self.status.conditions)
                sample = StatusSample(self.now_s, conditions, self.fault)
                self.samples.append(sample)
                if self.metrics_port:
                    self._compare_metrics(sample)

    def _compare_metrics(self, sample: StatusSample) -> None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=METRICS_S) as answer:
                text = answer.read().decode()
        except OSError:  # a process that is away shows nothing anywhere
            self._different = 0
            return
        measured = set(_HOLDS.findall(text))
        shown = {(one.code, one.subject) for one in sample.conditions or ()}
        differing = set() if sample.conditions is None else measured ^ shown
        lasting = differing & self._differing
        self._different = self._different + 1 if lasting else int(bool(differing))
        self._differing = lasting or differing
        if self._different > DIFFERENT_SAMPLES_MAX:
            true = f"the metrics have {', '.join(sorted(' '.join(one).strip() for one in measured)) or 'none'}"
            self.disagreements.append(
                Violation(sample.at_s, Breach.SURFACES, sample.fault, "", shown_as(sample.conditions), true)
            )

    # ------------------------------------------------------------------------------------------------------- book

    def _read_book(self) -> None:
        while not self._over.wait(BOOK_S):
            try:
                # Opened again each time: the file may have been replaced.
                with closing(sqlite3.connect(f"file:{self.book}?mode=ro", uri=True, timeout=BOOK_S)) as db:
                    rows = db.execute(
                        "SELECT deal, payload FROM deals WHERE deal > ? ORDER BY deal", (self._latest_deal,)
                    ).fetchall()
            except sqlite3.Error:  # away, or being opened by the gateway
                continue
            at_s = self.now_s
            for number, payload in rows:
                deal = json.loads(payload)
                self._latest_deal = number
                if deal["entry"] in _OPENING:
                    self.deals.append(OpeningDeal(at_s, deal["symbol"]))
