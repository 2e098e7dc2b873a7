"""Values of the HTTP API and of the cells of the WebSocket, which are the same.

Where `proto.control` has the value, its type is used. Decimals are exact text, and money is in account currency. Times
are UTC nanoseconds of the venue's clock unless documented otherwise, 0 for no time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from proto.control import Condition, DeskState, Difference, TradingState
from proto.control.views import AccountView, PositionRow
from proto.trading.units import Cursor, Name, Text
from services.web.api.tables import DenialRow


class ConditionView(Condition, frozen=True, kw_only=True):
    """A current condition with its meaning and the action that it needs."""

    meaning: Text
    action: Text


class StateView(Struct, frozen=True, kw_only=True):
    """State of the desk.

    `headline` is the effect of all conditions on trading: TRADING, PARTLY TRADING, NOT TRADING, REDUCE ONLY, HALTED, or
    a state of the portfolio process. `trading_state` is only the stored state. `causes` are the conditions that prevent
    trading, the gravest first; `conditions` are all current ones. `watched` are the symbols that serve only for
    conversion rates. `heartbeat_age_ms` is None before the first heartbeat. `server_clock` names the zone of the
    server's clock, `utc_offset_s` is its current offset, and `next_rollover_ns` the next start of a server day.
    """

    mode: Text
    headline: Text
    state: DeskState
    waiting_for: Text
    trading_state: TradingState
    trading_reason: Text
    causes: list[ConditionView]
    conditions: list[ConditionView]
    account: Text | None
    account_mode: Text | None
    currency: Text
    currency_digits: int
    symbols: list[Name]
    watched: list[Name]
    stream_id: Text
    ordinal: Cursor
    processed: Cursor
    venue_time_ns: int
    heartbeat_age_ms: int | None
    feed_stale: bool
    in_doubt: Cursor
    gaps: Cursor
    duplicates: Cursor
    malformed: Cursor
    orders_open: Cursor
    server_clock: Text
    utc_offset_s: int
    next_rollover_ns: int


class PortfolioSource(Struct, frozen=True, kw_only=True):
    """Time of portfolio's last reply by the web server's clock; `problem` is empty while portfolio replies."""

    answered_ns: int
    problem: Text


class GatewaySource(Struct, frozen=True, kw_only=True):
    """Time of the gateway's last tick or heartbeat by the web server's clock; `problem` is empty while they arrive."""

    heard_ns: int
    problem: Text


class StrategySource(Struct, frozen=True, kw_only=True):
    """Time of the last report of a strategy by the web server's clock."""

    heard_ns: int


class LedgerSource(Struct, frozen=True, kw_only=True):
    """Last event of the ledger that the web server has read, and when; `problem` is empty while it can be read."""

    event: Cursor
    read_ns: int
    problem: Text


class SourcesView(Struct, frozen=True, kw_only=True):
    """Time of the last message from each source of the web server's values, by its wall clock.

    `failed` has the last error of each background task that has failed in the last 30 s, by its name.
    """

    portfolio: PortfolioSource
    gateway: GatewaySource
    strategy: StrategySource
    ledger: LedgerSource
    failed: dict[str, str] = {}


class DrawdownLimits(Struct, frozen=True, kw_only=True):
    """Highest equity at which each level of the drawdown rule is reached; None if the level is off or not known."""

    warn: Decimal | None
    reduce: Decimal | None
    halt: Decimal | None


class AccountState(AccountView, frozen=True, kw_only=True):
    """The account's money, and its drawdown with the levels of the drawdown rule.

    `drawdown` and `drawdown_headroom` are fractions of `peak_equity`: the highest equity since the last reset of the
    drawdown, or resume after a restriction by its rule. A deposit or withdrawal moves `peak_equity` by its amount.
    `peak_equity` and `drawdown` are None while they are not known. `limits` are amounts of equity.
    """

    peak_equity: Decimal | None
    drawdown: float | None
    drawdown_headroom: dict[str, float]
    limits: DrawdownLimits


class PeriodPnl(Struct, frozen=True, kw_only=True):
    """Profit of the trades closed since `from_ns`, the start of a day, week or month of the server.

    Amounts are in account currency; losses and charges are negative. `net` = `gross_profit` + `gross_loss` +
    `commission` + `swap`. `balance_change` = `net` + `other_charges` is the change of the balance in the period without
    deposits and corrections. `other_charges` are the charges paid in the period that belong to none of its trades, less
    the charges of its trades that were paid before the period.
    """

    from_ns: int
    net: Decimal
    gross_profit: Decimal
    gross_loss: Decimal
    commission: Decimal
    swap: Decimal
    trades: Cursor
    other_charges: Decimal
    balance_change: Decimal
    by_symbol: dict[str, Decimal]
    by_tag: dict[str, Decimal]


class PnlView(Struct, frozen=True, kw_only=True):
    """Realized profit of the server's day, week and month, and the unrealized profit of the open positions."""

    today: PeriodPnl
    week: PeriodPnl
    month: PeriodPnl
    open: Decimal | None


class HopLatency(Struct, frozen=True, kw_only=True):
    """Quantiles of one hop in microseconds, over `count` observations since the process started."""

    count: int
    p50_us: float
    p99_us: float
    p999_us: float


class ProcessView(Struct, frozen=True, kw_only=True):
    """A process of the desk; `state` is supervisord's, empty if supervisord does not answer.

    `since_ns` and `up_s` are the start and the age of the process by the wall clock. `phase`, `beat_age_ms` and `done`
    come from its heartbeat, and are None without one. `exit_text` describes the end of a process that is not running.
    """

    name: Name
    state: Text
    pid: int
    since_ns: int
    up_s: float
    phase: Text | None
    beat_age_ms: int | None
    done: int | None
    exit_text: Text


class LedgerState(Struct, frozen=True, kw_only=True):
    """The ledger file: its size, the number of its events, whether its head is signed, and the state of its audit."""

    bytes: int
    events: Cursor
    signed: bool | None
    audit: Text


class ReconciliationState(Struct, frozen=True, kw_only=True):
    """The last recorded comparison of ledger and venue, after the tick `ordinal` of the stream."""

    ordinal: Cursor
    differences: list[Difference]
    complete: bool


class WebState(Struct, frozen=True, kw_only=True):
    """The web server itself: number of connected pages, and its start by the wall clock."""

    clients: int
    started_ns: int


class SystemView(Struct, frozen=True, kw_only=True):
    """Versions, ledger, disk, reconciliation and the web server; `reconciliation` is None before the first one."""

    versions: dict[str, str]
    ledger: LedgerState
    data_dir_free_bytes: int
    reconciliation: ReconciliationState | None
    gaps: Cursor
    in_doubt: Cursor
    web: WebState


class QuoteView(Struct, frozen=True, kw_only=True):
    """Latest quote of a symbol; `received_ns` is the wall time at which the web server received it."""

    bid: float
    ask: float
    spread_points: float | None
    time_ns: int
    received_ns: int
    sequence: Cursor
    digits: int | None


class RawQuote(Struct, frozen=True, kw_only=True):
    """A tick as the gateway published it."""

    time_ns: int
    bid: float
    ask: float
    volume: float
    sequence: Cursor


class TicksView(Struct, frozen=True, kw_only=True):
    """The last ticks of a symbol, oldest first."""

    symbol: Name
    ticks: list[RawQuote]


class MarketView(Struct, frozen=True, kw_only=True):
    """Terms of a symbol and its market.

    `margin_per_lot` is None while it is not known. `session_text` describes today's sessions on the symbol's clock.
    `closes_ns` is the end of the current session, `opens_ns` the next opening, `next_rollover_ns` the next swap.
    """

    symbol: Name
    description: Text
    digits: int
    point: Decimal
    contract_size: Decimal
    base_currency: Text
    profit_currency: Text
    margin_currency: Text
    volume_min: Decimal
    volume_max: Decimal
    volume_step: Decimal
    margin_per_lot: Decimal | None
    is_open: bool | None
    session_text: Text
    closes_ns: int
    opens_ns: int
    next_rollover_ns: int


class SignalView(Struct, frozen=True, kw_only=True):
    """Latest signal of a symbol: `direction` is +1 buy, 0 hold, -1 sell; `threshold` is None for a rule without one."""

    direction: int
    confidence: float
    threshold: float | None
    reason: Text
    time_ns: int


class PositionLeg(Struct, frozen=True, kw_only=True):
    """An open ticket of a position; on a netting account `position` is 0 and the leg is the whole position.

    `exit_ns` is the time of the time exit, 0 for none. The distances from the market to stop loss and take profit are
    in points, and `stop_money` and `target_money` the profit at these prices; None without such a price.
    """

    position: Cursor
    side: Text
    volume: Decimal
    open_price: Decimal
    open_time_ns: int
    unrealized_pnl: Decimal | None
    swap: Decimal | None
    commission: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    trailing_stop_points: Cursor
    exit_ns: int
    stop_points: float | None
    stop_money: Decimal | None
    target_points: float | None
    target_money: Decimal | None


class PositionView(PositionRow, frozen=True, kw_only=True):
    """An open position with its tickets."""

    legs: list[PositionLeg]


class DenialsCell(Struct, frozen=True, kw_only=True):
    """Number of denials in the whole ledger by code, and the latest ones, newest first.

    Consecutive denials of a symbol with one code and direction are one denial in the ledger.
    """

    counts: dict[str, int]
    latest: list[DenialRow]


class RevisionsCell(Struct, frozen=True, kw_only=True):
    """Last number of each table; a client reads a table again when its number rises."""

    orders: Cursor
    fills: Cursor
    trades: Cursor
    denials: Cursor
    events: Cursor
    equity: Cursor


class SessionView(Struct, frozen=True, kw_only=True):
    """The signed-in user; `expires_ns` and `server_ns` are wall times of the web server.

    `csrf_token` is the value of the header X-CSRF-Token, empty for a request with a bearer token.
    """

    user: Name
    role: Name
    csrf_token: Annotated[str, Meta(max_length=256)]
    expires_ns: int
    server_ns: int


class ErrorView(Struct, frozen=True, kw_only=True):
    """An error in one line."""

    error: str


class RefusedView(Struct, frozen=True, kw_only=True):
    """A command that the desk did not carry out.

    Denied by a risk rule: `code`, `limit` and `observed` are the rule's, `denial_id` is an id for WHY, and `hint` the
    change that would make the command pass. They are empty for a command that the desk refused for another reason.
    """

    error: str
    code: Text = ""
    limit: Text = ""
    observed: Text = ""
    hint: Text = ""
    denial_id: Text = ""


class UnknownOutcomeView(Struct, frozen=True, kw_only=True):
    """Portfolio did not answer a command.

    `unknown`: the command may have been carried out. A repeat with the same key has no second effect, and gets the
    reply of the first one. `not_sent`: portfolio did not get the command.
    """

    error: str
    outcome: Literal["unknown", "not_sent"]
