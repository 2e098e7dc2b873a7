"""Checks of the gateway: it answers, has the ledger's account, and trades the symbols."""

from __future__ import annotations

from typing import Final

from proto.gateway import HelloReply
from proto.trading.enums import TradeMode
from proto.trading.instrument import Instrument
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, Finding, Findings, Grade, check, fine, found, from_condition


@check("gateway")
def gateway(desk: ExaminedDesk) -> Findings:
    """The gateway: reachable, of this version, its mode, and the same account as the ledger's."""
    facts = desk.gateway
    if facts.hello is None:
        code = "NO_GATEWAY" if facts.is_other else "GATEWAY_DOWN" if desk.is_running else "GATEWAY_UNREACHABLE"
        yield found(code, facts.problem)
        return
    results = [*_identity(desk, facts.hello), *_lease(desk, facts.hello)]
    if isinstance(facts.account, str):
        results.append(found("VENUE_DOWN", facts.account))
    if facts.hello.is_halted:
        results.append(from_condition("GATEWAY_HALTED", "GATEWAY_HALTED: a person halted the gateway"))
    yield from results
    if not results:
        hello = facts.hello
        mode = hello.mode.upper()
        leverage = f"1:{hello.leverage}" if hello.leverage else "none"
        terms = f"{hello.currency}, {hello.account_mode.value.lower()}, leverage {leverage}"
        yield fine(f"{mode} account {hello.account} at {hello.venue}, {terms}")


@check("symbols")
def symbols(desk: ExaminedDesk) -> Findings:
    """The traded symbols at the gateway: known, quoted, tradable, with a filling mode."""
    facts = desk.gateway
    if facts.hello is None:
        yield Finding(Grade.UNKNOWN, "GATEWAY_UNREACHABLE", "not examined, because the gateway does not answer")
        return
    if not desk.symbols:
        yield fine("none known")
        return
    results = [
        finding
        for symbol, terms in facts.instruments
        for finding in (
            [found("SYMBOL_UNKNOWN", f"{symbol}: {terms}")]
            if isinstance(terms, str)
            else _of_symbol(terms, facts.hello.sequences.get(symbol))
        )
    ]
    yield from results
    if not results:
        now_ns = facts.hello.now_ns
        yield fine(", ".join(_open_or_closed(symbol, terms, now_ns) for symbol, terms in facts.instruments))


def _open_or_closed(symbol: str, terms: Instrument | str, now_ns: int) -> str:
    """The symbol, and whether its market is closed at the venue's time, in UTC nanoseconds."""
    assert isinstance(terms, Instrument)
    return symbol if terms.is_traded(now_ns) else f"{symbol} (market closed)"


def _identity(desk: ExaminedDesk, hello: HelloReply) -> list[Finding]:
    ledger, found_now = desk.ledger, []
    if hello.mode == "live":
        found_now.append(found("ACCOUNT_REAL", f"account {hello.account} at {hello.venue}"))
    if ledger.account and (hello.account, hello.currency) != (ledger.account, ledger.currency):
        text = f"account {hello.account} in {hello.currency}, expected {ledger.account} in {ledger.currency}"
        found_now.append(found("ACCOUNT_OTHER", f"{text} of the ledger"))
    elif ledger.journal_id and hello.journal_id != ledger.journal_id:
        text = f"journal {hello.journal_id}, expected {ledger.journal_id} of the ledger"
        found_now.append(found("JOURNAL_OTHER", text))
    return found_now


def _lease(desk: ExaminedDesk, hello: HelloReply) -> list[Finding]:
    if hello.epoch > desk.ledger.epoch > 0 and not desk.is_running:
        return [found("LEASE_OF_OTHER", f"epoch {hello.epoch} was leased, the ledger's is {desk.ledger.epoch}")]
    return []


def _of_symbol(terms: Instrument, sequence: int | None) -> list[Finding]:
    if sequence is None:
        return [found("SYMBOL_UNKNOWN", f"{terms.symbol}: the gateway does not publish its ticks")]
    results = []
    if terms.trade_mode is not TradeMode.FULL:
        results.append(found("SYMBOL_NOT_TRADED", f"{terms.symbol} has trade mode {terms.trade_mode.value}"))
    if not terms.filling and "filling" not in terms.untold:
        results.append(found("NO_FILLING", terms.symbol))
    if not sequence:
        results.append(found("SYMBOL_WITHOUT_TICKS", f"{terms.symbol}: no tick was published"))
    return results


CHECKS: Final[tuple[Check, ...]] = (gateway, symbols)
