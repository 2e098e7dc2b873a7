"""Commands about risk rules: reset the stored state of a rule, or override a rule for a manual order.

Only a person can give either command, with a reason. The event is durable before the reply is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from msgspec import structs

from proto.control import ControlError, PlaceCommand, RiskResetCommand, RiskResetReply
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import RiskReset
from services.portfolio.core.account.orders import PassedRule
from services.portfolio.core.decision.idempotency import is_key_used, used_key_error
from services.portfolio.core.risk.registry import EXCEPTABLE_CODES, RESET_OF_CODE, clear_rule, remembered_values
from services.portfolio.core.risk.types import Denial
from services.portfolio.core.state.portfolio_state import PortfolioState


def apply_risk_reset(state: PortfolioState, command: RiskResetCommand) -> RiskResetReply | ControlError:
    """Reset the values that a rule remembers, for one symbol or all; the trading state does not change."""
    book, rule, symbol, key = state.account.book, command.rule, command.symbol, command.key
    if not state.stream.is_live:
        return ControlError(error="a reset needs a live market: a lock-step stream trades only at its ticks")
    if rule not in RESET_OF_CODE:
        known = ", ".join(RESET_OF_CODE)
        return ControlError(error=f"rule is {rule}, expected one that can be reset: {known}"[:512])
    if symbol and not RESET_OF_CODE[rule].by_symbol:
        return ControlError(error=f"symbol is {symbol}, expected none: {rule} applies to the whole desk")
    if symbol and symbol not in book.instruments:
        known = ", ".join(sorted(book.instruments))
        return ControlError(error=f"symbol is {symbol}, expected one that the desk trades: {known}"[:512])
    if (before := book.resets_by_key.get(key)) is not None:
        is_same = (before.rule, before.symbol) == (rule, symbol)
        return _reply(state.account.book, before, repeated=True) if is_same else used_key_error(key)
    if is_key_used(book, key):
        return used_key_error(key)
    risk_state = state.stream.risk
    event = RiskReset(
        rule=rule,
        symbol=symbol,
        reason=command.reason,
        person=command.person,
        time_ns=state.stream.domain_ns(state.stream.now.mono_ns),
        before=remembered_values(risk_state, rule, symbol),
        after={},
        equity=risk_state.peaks.equity,
        key=key,
    )
    trial = deepcopy(risk_state)
    clear_rule(trial, event)
    event = structs.replace(event, after=remembered_values(trial, rule, symbol))
    state.account.emit(event)
    state.stream.cursor.end_runs(rule, symbol)
    return _reply(state.account.book, event, repeated=False)


def _reply(book: Book, event: RiskReset, *, repeated: bool) -> RiskResetReply:
    trading = book.trading
    return RiskResetReply(
        key=event.key,
        rule=event.rule,
        symbol=event.symbol,
        reason=event.reason,
        person=event.person,
        before=event.before,
        after=event.after,
        repeated=repeated,
        trading_state=book.trading_state,
        trading_reason=trading.reason if trading is not None else "",
    )


def refuse_exceptions(command: PlaceCommand) -> ControlError | None:
    """Return an error if the command asks for an exception from a rule that allows none; None otherwise."""
    for rule in command.past_rules:
        if rule not in EXCEPTABLE_CODES:
            known = ", ".join(sorted(EXCEPTABLE_CODES))
            return ControlError(error=f"rule {rule} allows no exception, expected one of {known}"[:512])
    return None


def passed_rules(command: PlaceCommand, denials: Mapping[str, Denial]) -> list[PassedRule]:
    """Return the rules that a person has overridden for an order.

    Args:
        command: names the rules.
        denials: by rule, the denial that the order would otherwise have got; its limit and observed value are recorded.
    """
    found = []
    for rule in sorted(set(command.past_rules)):
        denial = denials.get(rule)
        if denial is None:
            found.append(PassedRule(code=rule))
        else:
            found.append(PassedRule(code=rule, limit=denial.limit, observed=denial.observed))
    return found
