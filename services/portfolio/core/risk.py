"""The risk ladder: rules that an order has to pass before it exists.

A rule is a small function `check(proposal, limits) -> Denial | None` in `RULES`; the first denial counts. What every
order must satisfy to be an order at all (its volume fits the venue's terms, its profit can be booked) is checked in any
set, and so is whether the desk may trade at all; limits are checked unless the set is `none`. An order that only reduces a
position is never stopped by a limit, nor by REDUCE_ONLY.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, NamedTuple

from msgspec import Struct

from proto.control import TradingState
from proto.instrument import Instrument
from proto.units import is_on_step, plain


class Denial(NamedTuple):
    """Why an order was denied: the rule's code, its limit and what was observed."""

    code: str
    limit: str
    observed: str


class Limits(Struct, frozen=True, kw_only=True):
    """The limits of a risk set; `order_volume_max` in lots, None for no limit."""

    name: str
    order_volume_max: Decimal | None


DEFAULT_LIMITS: Final = Limits(name="default", order_volume_max=Decimal(1))
NO_LIMITS: Final = Limits(name="none", order_volume_max=None)


class Proposal(NamedTuple):
    """What is about to become an order; `opens` the lots that would add exposure.

    `trading_state` is what the desk may do by now, `storage_problem` why nothing can be made durable, or nothing.
    """

    instrument: Instrument
    volume: Decimal
    opens: Decimal
    convertible: bool
    trading_state: TradingState = TradingState.ACTIVE
    storage_problem: str = ""


Rule = Callable[[Proposal, Limits], Denial | None]


def ledger_can_write(proposal: Proposal, _limits: Limits) -> Denial | None:
    """An order that cannot be made durable must not be made."""
    if not proposal.storage_problem:
        return None
    return Denial("STORAGE", "a ledger that can be written", proposal.storage_problem)


def desk_may_trade(proposal: Proposal, _limits: Limits) -> Denial | None:
    """A halted desk sends nothing on a signal; one that may only reduce opens nothing."""
    state = proposal.trading_state
    if state is TradingState.HALTED:
        return Denial("HALTED", TradingState.ACTIVE, state)
    if state is TradingState.REDUCE_ONLY and proposal.opens > 0:
        return Denial("REDUCE_ONLY", "0 lots", f"{plain(proposal.opens)} lots")
    return None


def volume_fits_the_venue(proposal: Proposal, _limits: Limits) -> Denial | None:
    """The venue takes volumes between its minimum and maximum, in whole steps."""
    terms = proposal.instrument
    if terms.volume_min <= proposal.volume <= terms.volume_max and is_on_step(proposal.volume, terms.volume_step):
        return None
    allowed = f"{plain(terms.volume_min)} to {plain(terms.volume_max)} lots in steps of {plain(terms.volume_step)}"
    return Denial("INVALID_VOLUME", allowed, f"{plain(proposal.volume)} lots of {terms.symbol}")


def profit_can_be_booked(proposal: Proposal, _limits: Limits) -> Denial | None:
    """A profit that could not be turned into account currency must not arise."""
    if proposal.convertible:
        return None
    return Denial("NO_CONVERSION_RATE", "a quoted pair", f"none for {proposal.instrument.profit_currency}")


def order_volume(proposal: Proposal, limits: Limits) -> Denial | None:
    """No single order opens more lots than the limit."""
    if limits.order_volume_max is None or proposal.opens <= limits.order_volume_max:
        return None
    return Denial("ORDER_VOLUME", f"{plain(limits.order_volume_max)} lots", f"{plain(proposal.opens)} lots")


RULES: Final[tuple[Rule, ...]] = (
    ledger_can_write,
    desk_may_trade,
    volume_fits_the_venue,
    profit_can_be_booked,
    order_volume,
)


def check(proposal: Proposal, limits: Limits) -> Denial | None:
    """The first denial of the ladder, or None when the order may be made."""
    for rule in RULES:
        denial = rule(proposal, limits)
        if denial is not None:
            return denial
    return None
