"""The page has a text for each name that the desk sends it: types of events, causes, hops, and reasons of deals."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from proto.gateway import DealReason
from services.portfolio.core.account.events import Event
from services.portfolio.core.account.orders import Cause
from services.portfolio.core.queries.event_text import event_type
from services.portfolio.core.state.latencies import Latencies
from services.portfolio.core.state.latency_histogram import LatencyHistogram
from services.web.app import PAGE
from tests.support.builders import an_instrument_learned, an_opened_stream

PAGES = PAGE / "js/pages"


def table_of(page: str, name: str) -> str:
    """The text of a constant of a page's module, from its opening to its closing bracket."""
    found = re.search(rf"const {name} = [{{\[](.*?)[}}\]];", (PAGES / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, (page, name)
    return found[1]


def event_types() -> set[str]:
    kinds: tuple[Any, ...] = get_args(Event)
    return {"_".join(re.findall("[A-Z][a-z]*", kind.__name__)).lower() for kind in kinds}


def hops() -> set[str]:
    return {name for name, value in vars(Latencies()).items() if isinstance(value, LatencyHistogram)}


@pytest.mark.parametrize(
    ("page", "name", "expected"),
    [
        ("journal.js", "TYPES", event_types()),
        ("latency.js", "HOPS", hops()),
        ("trades.js", "EXITS", {reason.value for reason in DealReason}),
    ],
)
def test_every_name_has_a_text(page: str, name: str, expected: set[str]) -> None:
    assert len(expected) > 3
    assert set(re.findall(r"(\w+): \"", table_of(page, name))) == expected


def test_the_types_are_those_of_the_journal() -> None:
    assert event_type(an_opened_stream()) in event_types()
    assert event_type(an_instrument_learned("EURUSD")) in event_types()


def test_orders_can_be_filtered_by_every_cause() -> None:
    offered = set(re.findall(r"\[\"([^\"]+)\", ", table_of("orders.js", "CAUSES")))
    assert offered == {cause.value for cause in Cause}
