"""Desks whose orders, stops, closes or plan the venue does not accept, or whose profit cannot be converted."""

from __future__ import annotations

from msgspec import structs

from proto.control import FlattenCommand
from proto.trading.server_time import minute_of_week
from services.mt5.core.gateway.tick_publisher import Pace
from services.portfolio.core.gateway_client.instruments import update_instrument
from services.portfolio.core.plan.plan import Exits, Plan
from services.portfolio.core.risk.limits import Limits
from tests.support.builders import a_gateway, a_signal, a_stream, some_rules
from tests.support.desk_harness import RISING, DeskHarness, a_live_desk
from tests.unit.portfolio.decision.manual_desk import a_quoted_desk, an_order, reply_to


def refused_stop() -> DeskHarness:
    """A desk whose trailing distance is below the venue's stops level; the desk's instrument has no stops level."""
    driven = a_quoted_desk(limits=Limits(name="none"))
    instrument = driven.state.account.book.instruments["EURUSD"]
    update_instrument(driven.state.account, driven.state.warnings, structs.replace(instrument, stops_level_points=0))
    reply_to(driven, an_order(trailing_stop_points=1))
    driven.answer_all(driven.deliver(a_signal(2)))
    return driven


def refused_orders() -> DeskHarness:
    """A desk whose orders of 100 lots need more margin than its account of 10,000 USD has."""
    gateway = a_gateway(a_stream(*RISING), pace=Pace(0, 1.0), leverage=1)
    driven = DeskHarness(gateway, rules=some_rules(volume="100", limits=Limits(name="none")))
    driven.answer_all(driven.start())
    driven.gateway.on_timer(driven.now)
    for number in range(1, 8):
        driven.answer_all(driven.deliver(a_signal(number, 1)))
    return driven


def near_plan() -> DeskHarness:
    """A desk whose plan has a stop-loss distance below the venue's stops level."""
    driven = a_live_desk(plan=Plan(exits=Exits(stop_loss_points=1)))
    instrument = driven.state.account.book.instruments["EURUSD"]
    update_instrument(driven.state.account, driven.state.warnings, structs.replace(instrument, stops_level_points=10))
    return driven


def waiting_close() -> DeskHarness:
    """A desk that a person flattens while the market of its position is closed."""
    driven = a_live_desk()
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    minute = minute_of_week(driven.state.stream.domain_ns(driven.mono_ns))
    instrument = driven.state.account.book.instruments["EURUSD"]
    update_instrument(
        driven.state.account, driven.state.warnings, structs.replace(instrument, sessions=((minute + 10, minute + 60),))
    )
    driven.command(FlattenCommand(reason="enough"))
    driven.answer_all(driven.pause())
    return driven


def missing_rate() -> DeskHarness:
    """A desk that trades EURUSD on an account in JPY, without a pair for the conversion."""
    gateway = a_gateway(a_stream(*RISING), pace=Pace(0, 1.0), currency="JPY")
    driven = DeskHarness(gateway)
    driven.answer_all(driven.start())
    return driven
