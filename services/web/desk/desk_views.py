"""Values of the cells of the desk, made from portfolio's replies and the terms of the account. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from msgspec import structs

from proto.control import CONDITION_KINDS, Condition, Effect, SignalLine, StatusReply, by_gravity, headline
from proto.control.views import AccountView
from proto.trading.instrument import Instrument
from proto.trading.money import Quotes
from proto.trading.position_margin import symbol_margin
from proto.trading.server_time import NEW_YORK_CLOSE, next_day_ns
from proto.trading.units import ZERO
from services.web.api.schemas import (
    AccountState,
    ConditionView,
    DrawdownLimits,
    HopLatency,
    MarketView,
    SignalView,
    StateView,
)
from services.web.desk.account_terms import AccountTerms
from services.web.desk.market_clock import market_times, utc_offset_s

UNKNOWN_DIGITS: Final = 2
"""Decimals of money while the account is not known."""


def state_view(status: StatusReply, terms: AccountTerms, watched: Iterable[str]) -> StateView:
    """The state of the desk; `watched` are the symbols that serve only for conversion rates."""
    stream = terms.stream
    conditions = [_condition_view(one) for one in by_gravity(status.conditions)]
    return StateView(
        mode=status.mode,
        headline=headline(status.conditions, status.symbols),
        state=status.state,
        waiting_for=status.waiting_for,
        trading_state=status.trading_state,
        trading_reason=status.trading_reason,
        causes=[one for one in conditions if one.effect is not Effect.NONE],
        conditions=conditions,
        account=None if stream is None else stream.account,
        account_mode=None if stream is None else stream.account_mode.value,
        currency=status.currency,
        currency_digits=UNKNOWN_DIGITS if stream is None else stream.currency_digits,
        symbols=status.symbols,
        watched=list(watched),
        stream_id=status.stream_id,
        ordinal=status.ordinal,
        processed=status.processed,
        venue_time_ns=status.venue_time_ns,
        heartbeat_age_ms=status.heartbeat_age_ms,
        feed_stale=status.feed_stale,
        in_doubt=status.in_doubt,
        gaps=status.gaps,
        duplicates=status.duplicates,
        malformed=status.malformed,
        orders_open=status.orders_open,
        server_clock=NEW_YORK_CLOSE,
        utc_offset_s=utc_offset_s(status.venue_time_ns),
        next_rollover_ns=next_day_ns(status.venue_time_ns) if status.venue_time_ns else 0,
    )


def _condition_view(one: Condition) -> ConditionView:
    kind = CONDITION_KINDS.get(one.code)
    return ConditionView(
        **structs.asdict(one),
        meaning="" if kind is None else kind.meaning,
        action="" if kind is None else kind.action,
    )


def account_state(account: AccountView, status: StatusReply) -> AccountState:
    """The account's money with its drawdown."""
    levels = status.drawdown_levels
    return AccountState(
        **structs.asdict(account),
        peak_equity=status.drawdown_peak,
        drawdown=status.drawdown,
        drawdown_headroom=status.drawdown_headroom,
        limits=DrawdownLimits(warn=levels.get("warn"), reduce=levels.get("reduce"), halt=levels.get("halt")),
    )


def latency_view(status: StatusReply) -> dict[str, HopLatency]:
    """Latencies by hop."""
    return {
        hop: HopLatency(count=found.count, p50_us=found.p50, p99_us=found.p99, p999_us=found.p999)
        for hop, found in status.latency_us.items()
    }


def signal_view(line: SignalLine, threshold: float | None) -> SignalView:
    """A signal; `threshold` is the confidence from which the strategy signals, None for a rule without one."""
    return SignalView(
        direction=line.direction,
        confidence=line.confidence,
        threshold=threshold,
        reason=line.reason,
        time_ns=line.time_ns,
    )


def market_view(instrument: Instrument, terms: AccountTerms, quotes: Quotes, now_ns: int) -> MarketView:
    """Terms and times of a symbol at venue time `now_ns`; without a time (0) the market is neither open nor closed."""
    times = market_times(instrument, now_ns) if now_ns else None
    return MarketView(
        symbol=instrument.symbol,
        description=f"{instrument.base_currency}/{instrument.profit_currency}",
        digits=instrument.digits,
        point=instrument.point,
        contract_size=instrument.contract_size,
        base_currency=instrument.base_currency,
        profit_currency=instrument.profit_currency,
        margin_currency=instrument.margin_currency or instrument.base_currency,
        volume_min=instrument.volume_min,
        volume_max=instrument.volume_max,
        volume_step=instrument.volume_step,
        margin_per_lot=_margin_per_lot(instrument, terms, quotes),
        is_open=None if times is None else times.is_open,
        session_text="" if times is None else times.session_text,
        closes_ns=0 if times is None else times.closes_ns,
        opens_ns=0 if times is None else times.opens_ns,
        next_rollover_ns=0 if times is None else times.rollover_ns,
    )


def _margin_per_lot(instrument: Instrument, terms: AccountTerms, quotes: Quotes) -> Decimal | None:
    stream = terms.stream
    if stream is None:
        return None
    return symbol_margin(
        longs=Decimal(1),
        shorts=ZERO,
        instrument=instrument,
        leverage=stream.leverage,
        currency=stream.currency,
        currency_digits=stream.currency_digits,
        instruments=terms.instruments,
        quotes=quotes,
        is_opening=True,
    )
