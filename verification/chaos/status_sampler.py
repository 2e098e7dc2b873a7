"""Sample the status of a running desk every second, and the opening deals in the venue's book, in two threads."""

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

from common.control_client import ControlClient
from common.errors import StartError
from proto.control import StatusQuery, StatusReply
from verification.chaos.status_truth import Breach, OpeningDeal, StatusSample, Violation, shown_as

SAMPLE_S: Final = 1.0
ANSWER_S: Final = 0.5
BOOK_S: Final = 0.1
METRICS_S: Final = 0.5
JOIN_S: Final = 10.0
DIFFERENT_SAMPLES_MAX: Final = 2
"""Consecutive samples in which status and metrics may differ, because they are read at different times."""

_OPENING: Final = ("IN", "INOUT")
_HOLDS: Final = re.compile(r'^trading_portfolio_condition_state\{code="(\w+)",subject="([^"]*)"\} 1', re.MULTILINE)


@dataclass
class StatusSampler:
    """Takes samples in the `with` block; times are seconds since `began_s` on the monotonic clock."""

    control_url: str
    book: Path
    metrics_port: int = 0
    began_s: float = field(default_factory=time.monotonic)
    fault: str = ""
    """The name of the present fault, for the following samples; empty for none."""

    status: StatusReply | None = None
    """The reply to the latest query; None if there was no reply."""

    samples: list[StatusSample] = field(default_factory=list)
    deals: list[OpeningDeal] = field(default_factory=list)
    disagreements: list[Violation] = field(default_factory=list)
    late_s_max: float = 0.0
    """Greatest delay of a sample after its due time, in seconds."""

    _latest_deal: int = 0
    _different: int = 0
    _differing: set[tuple[str, str]] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Start the threads."""
        for name, work in (("status", self._sample_status), ("book", self._read_book)):
            thread = threading.Thread(target=work, name=f"sampler-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the threads and wait for them."""
        self._over.set()
        for thread in self._threads:
            thread.join(JOIN_S)

    @property
    def now_s(self) -> float:
        """The current time in seconds since `began_s`."""
        return time.monotonic() - self.began_s

    def opened_since(self, since_s: float) -> dict[str, float]:
        """The time of each symbol's first opening deal after `since_s`; symbols without such a deal are missing."""
        first: dict[str, float] = {}
        for deal in reversed(self.deals):
            if deal.at_s <= since_s:
                break
            first[deal.symbol] = deal.at_s
        return first

    # ----------------------------------------------------------------------------------------------------------- status

    def _sample_status(self) -> None:
        with ControlClient(self.control_url) as client:
            due_s = self.now_s
            while not self._over.wait(max(0.0, due_s - self.now_s)):
                self.late_s_max = max(self.late_s_max, self.now_s - due_s)
                due_s = max(due_s + SAMPLE_S, self.now_s)
                try:
                    self.status = client.request(StatusQuery(), StatusReply, timeout_s=ANSWER_S)
                except StartError:  # an invalid reply counts as no reply
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
        except OSError:  # no metrics to compare while portfolio is down
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

    # ------------------------------------------------------------------------------------------------------------- book

    def _read_book(self) -> None:
        while not self._over.wait(BOOK_S):
            try:
                # The book is opened again each time, because the file may have been replaced.
                with closing(sqlite3.connect(f"file:{self.book}?mode=ro", uri=True, timeout=BOOK_S)) as db:
                    rows = db.execute(
                        "SELECT deal, payload FROM deals WHERE deal > ? ORDER BY deal", (self._latest_deal,)
                    ).fetchall()
            except sqlite3.Error:  # missing, or being opened by the gateway
                continue
            at_s = self.now_s
            for number, payload in rows:
                deal = json.loads(payload)
                self._latest_deal = number
                if deal["entry"] in _OPENING:
                    self.deals.append(OpeningDeal(at_s, deal["symbol"]))
