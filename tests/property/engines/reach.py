"""What the run of a case reached: denials, causes, endings and effects, by name."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tests.property.engines.cases import Case
from tests.property.engines.runs import Outcome


def reached(case: Case, outcome: Outcome) -> set[str]:
    """Names of all that happened in a run."""
    return set(_names(case, outcome))


def _names(case: Case, outcome: Outcome) -> Iterator[str]:
    report = outcome.report
    if outcome.error:
        yield f"error {outcome.error.partition(':')[0]}"
        return
    yield f"state {outcome.state.partition(':')[0]}"
    yield from (f"denied {code}" for code in report["orders"]["denied"])
    yield from (f"blocked {code}" for code in report["signals"]["blocked"])
    yield from (f"order {status}" for status in report["orders"]["by_status"])
    yield from (
        f"warning {warning.get('code', '')}" for warning in report.get("warnings", ()) if isinstance(warning, dict)
    )
    yield f"currency {report['settings']['currency']}"
    if len(outcome.tables["equity_points"]) > 2:
        yield "equity points"
    if len(outcome.commits) > 3:
        yield "several commits"
    for _, _, payload in outcome.tables["events"]:
        assert isinstance(payload, bytes)
        event = msgspec.json.decode(payload)
        yield f"event {event['type']}"
        match event["type"]:
            case "order_created":
                order = event["order"]
                yield f"cause {order['decision']['cause']}"
                yield f"order type {order.get('type', 'MARKET')}"
            case "order_updated":
                if event.get("retcode"):
                    yield f"retcode {event['retcode']}"
            case "deal_booked":
                deal = event["deal"]
                yield f"deal {deal.get('reason', 'CLIENT')}"
                yield f"deal {deal['kind']}"
                yield f"entry {deal['entry']}"
                if deal.get("stepped"):
                    yield "deal by a tick"
            case "trading_state_changed":
                yield f"trading state {event['state']}"
