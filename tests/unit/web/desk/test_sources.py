"""The cell of the sources: times once a second, problems at once."""

from __future__ import annotations

from proto.time import SECOND_NS
from services.web.desk.sources import Sources
from services.web.live.cells import Cells


def test_times_are_shown_once_a_second_and_problems_at_once() -> None:
    now_ns = [100 * SECOND_NS]
    failed: dict[str, str] = {}
    cells = Cells("boot")
    sources = Sources(cells, gateway=lambda: (now_ns[0], ""), failed=lambda: failed, wall_ns=lambda: now_ns[0])

    def number_after(*, seconds: float = 0.0) -> int:
        now_ns[0] += int(seconds * SECOND_NS)
        sources.publish()
        return cells.turn()

    assert number_after() == 1
    assert number_after(seconds=0.2) == 1, "only the time has changed"
    assert number_after(seconds=0.8) == 2
    sources.portfolio_failed("portfolio did not answer STATUS in time")
    assert number_after() == 3
    sources.portfolio_answered()
    assert number_after() == 4
    failed["bars"] = "KeyError: 'EURUSD'"
    assert number_after() == 5
    view = sources.view()
    assert (view.portfolio.answered_ns, view.portfolio.problem) == (101 * SECOND_NS, "")
    assert view.failed == {"bars": "KeyError: 'EURUSD'"}
    sources.portfolio_failed("silent")
    assert sources.view().portfolio.answered_ns == 101 * SECOND_NS, "the time of the last answer stays"
