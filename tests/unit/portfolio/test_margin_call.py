"""The desk shows a warning while the venue's margin call lasts."""

from __future__ import annotations

from decimal import Decimal

from msgspec import structs

from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.fill_model import IDEAL
from services.portfolio.core.queries.status import status_of
from tests.support.builders import a_gateway, a_signal, a_stream
from tests.support.desk_harness import DeskHarness

QUOTES = [(1.1, 1.1001)] * 40


def test_a_live_desk_warns_of_a_margin_call_while_it_lasts() -> None:
    """At the chosen level any position causes a margin call, which ends when the position is closed."""
    profile = structs.replace(IDEAL, name="called", margin_call_level_pct=Decimal(10**9), stop_out_level_pct=Decimal(1))
    driven = DeskHarness(a_gateway(a_stream(*QUOTES), pace=Pace(0, 1.0), profile=profile))
    driven.answer_all(driven.start())
    driven.gateway.on_timer(driven.now)
    assert status_of(driven.state).warning == ""
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    compare(driven)
    assert status_of(driven.state).warning.startswith("MARGIN CALL: the margin level is ")
    assert status_of(driven.state).warning.endswith("the margin call level 1000000000 %, the stop-out level 1 %")
    driven.answer_all(driven.deliver(a_signal(2, -1)))
    compare(driven)
    assert status_of(driven.state).warning == ""


def compare(driven: DeskHarness) -> None:
    """Reconcile ledger and venue now."""
    driven.answer_all(driven.compare())
    driven.answer_all(driven.wait(100))
    driven.answer_all(driven.pause())
    driven.answer_all(driven.wait(2_000))
