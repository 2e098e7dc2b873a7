"""The table of operations of the HTTP API: routes, checks, the OpenAPI document and docs/web.md are made from it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.responses import Response

from common.build_info import build_info
from proto.control import OrderCommandReply, TradingReply
from proto.control.views import OrderRow, RiskReply, WhyReply
from proto.messages import StrategyReport
from proto.trading.enums import Side
from services.web.api import alerts, commands, history, reads, sessions
from services.web.api.alert_views import AcknowledgedView, AlertsPage, AlertView
from services.web.api.alerts import ACKNOWLEDGE_ERRORS, ALERT_ERRORS
from services.web.api.bodies import AcknowledgeBody, CancelBody, CloseBody, ModifyBody, OrderBody, ReasonBody
from services.web.api.commands import COMMAND_ERRORS
from services.web.api.history import INDEX_ERRORS
from services.web.api.openapi import document
from services.web.api.operation import Call, Handler, Operation
from services.web.api.queries import (
    AlertsParameters,
    BarsParameters,
    DenialsParameters,
    EquityParameters,
    EventsParameters,
    FillsParameters,
    LatencyParameters,
    OrdersParameters,
    TicksParameters,
    TradesParameters,
    TradesSummaryParameters,
)
from services.web.api.reads import DESK_ERRORS
from services.web.api.schemas import (
    AccountState,
    ErrorView,
    HopLatency,
    MarketView,
    PnlView,
    PositionView,
    ProcessView,
    QuoteView,
    SessionView,
    SignalView,
    SourcesView,
    StateView,
    SystemView,
    TicksView,
)
from services.web.api.tables import (
    BarsView,
    DenialsPage,
    EquityCurve,
    EventsPage,
    FillsPage,
    LatencyHistory,
    OrdersPage,
    TradesPage,
    TradesSummary,
)
from services.web.security.identity import Role
from services.web.security.sign_in import SignIn

NO_ERRORS: Final[Mapping[int, type[Struct]]] = {}
_SYMBOL: Final = {"symbol": "EURUSD"}


def _read(
    path: str,
    name: str,
    summary: str,
    reply: object,
    handler: Handler,
    *,
    query: type[Struct] | None = None,
    errors: Mapping[int, type[Struct]] = NO_ERRORS,
) -> Operation:
    return Operation(
        method="GET",
        path=path,
        name=name,
        summary=summary,
        role=Role.READ,
        reply=reply,
        handler=handler,
        query=query,
        errors=errors,
        values={**_SYMBOL, "hop": "tick_to_order"},
    )


def _command(name: str, summary: str, body: type[Struct], reply: type, handler: Handler, example: Struct) -> Operation:
    return Operation(
        method="POST",
        path=f"/commands/{name.replace('_', '-')}",
        name=name,
        summary=summary,
        role=Role.TRADE,
        reply=reply,
        handler=handler,
        body=body,
        is_command=True,
        errors=COMMAND_ERRORS,
        example=example,
    )


async def openapi(_call: Call) -> Response:
    """The OpenAPI document."""
    return Response(await asyncio.to_thread(_encoded_document), media_type="application/json")


@cache
def _encoded_document() -> bytes:
    return msgspec.json.encode(document(OPERATIONS, build_info().version))


OPERATIONS: Final = (
    _read(
        "/state",
        "state",
        "Headline, trading state, causes, conditions and clock",
        StateView,
        reads.desk_value("state"),
        errors=DESK_ERRORS,
    ),
    _read(
        "/sources",
        "sources",
        "Time of the last message from each part of the desk, and its problem",
        SourcesView,
        reads.sources,
        errors=DESK_ERRORS,
    ),
    _read(
        "/account",
        "account",
        "Balance, equity, margin and drawdown",
        AccountState,
        reads.desk_value("account"),
        errors=DESK_ERRORS,
    ),
    _read(
        "/pnl",
        "pnl",
        "Profit of the server's day, week and month",
        PnlView,
        history.pnl,
        errors=DESK_ERRORS,
    ),
    _read(
        "/positions",
        "positions",
        "Open positions by symbol",
        dict[str, PositionView],
        reads.by_symbol("position:"),
        errors=DESK_ERRORS,
    ),
    _read(
        "/risk",
        "risk",
        "Each risk limit, its current value and its headroom",
        RiskReply,
        reads.desk_value("risk"),
        errors=DESK_ERRORS,
    ),
    _read(
        "/latency",
        "latency",
        "Latency of each hop since the start of portfolio",
        dict[str, HopLatency],
        reads.desk_value("latency"),
        errors=DESK_ERRORS,
    ),
    _read(
        "/latency/history",
        "latency_history",
        "Latency of one hop over time",
        LatencyHistory,
        history.latency_history,
        query=LatencyParameters,
        errors={404: ErrorView},
    ),
    _read(
        "/processes",
        "processes",
        "Processes of the desk",
        list[ProcessView],
        reads.processes,
        errors=DESK_ERRORS,
    ),
    _read(
        "/system",
        "system",
        "Versions, ledger, disk and reconciliation",
        SystemView,
        reads.system,
        errors=DESK_ERRORS,
    ),
    _read(
        "/quotes",
        "quotes",
        "Latest quote of each symbol",
        dict[str, QuoteView],
        reads.by_symbol("quote:", needs_desk=False),
    ),
    _read("/quotes/{symbol}", "quote", "Latest quote of a symbol", QuoteView, reads.of_symbol("quote:")),
    _read("/ticks/{symbol}", "ticks", "Last ticks of a symbol", TicksView, history.ticks, query=TicksParameters),
    _read("/bars/{symbol}", "bars", "Bars of a symbol", BarsView, history.bars, query=BarsParameters),
    _read(
        "/symbols",
        "symbols",
        "Terms and sessions of each symbol",
        dict[str, MarketView],
        reads.by_symbol("market:"),
        errors=DESK_ERRORS,
    ),
    _read("/symbols/{symbol}", "symbol", "Terms and sessions of a symbol", MarketView, reads.of_symbol("market:")),
    _read(
        "/signals",
        "signals",
        "Latest signal of each symbol",
        dict[str, SignalView],
        reads.by_symbol("signal:"),
        errors=DESK_ERRORS,
    ),
    _read(
        "/models",
        "models",
        "Latest report of each symbol's strategy",
        dict[str, StrategyReport],
        reads.by_symbol("model:", needs_desk=False),
    ),
    _read(
        "/models/{symbol}", "model", "Latest report of a symbol's strategy", StrategyReport, reads.of_symbol("model:")
    ),
    _read(
        "/orders",
        "orders",
        "Open and ended orders",
        OrdersPage,
        history.orders,
        query=OrdersParameters,
        errors=INDEX_ERRORS,
    ),
    _read("/orders/{id}", "order_by_id", "One order", OrderRow, history.order_of_id, errors=INDEX_ERRORS),
    _read(
        "/fills", "fills", "Deals of the venue", FillsPage, history.fills, query=FillsParameters, errors=INDEX_ERRORS
    ),
    _read(
        "/trades", "trades", "Closed trades", TradesPage, history.trades, query=TradesParameters, errors=INDEX_ERRORS
    ),
    _read(
        "/trades/summary",
        "trades_summary",
        "Sums of closed trades",
        TradesSummary,
        history.trades_summary,
        query=TradesSummaryParameters,
        errors=INDEX_ERRORS,
    ),
    _read(
        "/denials",
        "denials",
        "Denied signals and commands",
        DenialsPage,
        history.denials,
        query=DenialsParameters,
        errors=INDEX_ERRORS,
    ),
    _read(
        "/events",
        "events",
        "Events of the ledger, newest first",
        EventsPage,
        history.events,
        query=EventsParameters,
        errors=INDEX_ERRORS,
    ),
    _read(
        "/equity",
        "equity",
        "Balance and equity over time",
        EquityCurve,
        history.equity,
        query=EquityParameters,
        errors=INDEX_ERRORS,
    ),
    _read(
        "/why/{id}",
        "why",
        "Why an order, deal, denial or rule is as it is, or why a symbol does not trade",
        WhyReply,
        reads.why,
        errors=DESK_ERRORS,
    ),
    _read(
        "/alerts",
        "alerts",
        "Alerts, newest first",
        AlertsPage,
        alerts.alerts,
        query=AlertsParameters,
        errors=ALERT_ERRORS,
    ),
    Operation(
        method="POST",
        path="/alerts/ack",
        name="acknowledge",
        summary="Acknowledge alerts, which ends their escalation",
        role=Role.TRADE,
        reply=AcknowledgedView,
        handler=alerts.acknowledge,
        body=AcknowledgeBody,
        errors=ACKNOWLEDGE_ERRORS,
        example=AcknowledgeBody(all_open=True),
    ),
    _read("/alerts/{id}", "alert", "One alert", AlertView, alerts.alert, errors=ALERT_ERRORS),
    _command(
        "halt",
        "Send no order except a person's closes",
        ReasonBody,
        TradingReply,
        commands.halt,
        ReasonBody(reason="news at 14:30"),
    ),
    _command(
        "reduce_only",
        "Send no order that opens exposure",
        ReasonBody,
        TradingReply,
        commands.reduce_only,
        ReasonBody(reason="end of the week"),
    ),
    _command("resume", "Trade again", ReasonBody, TradingReply, commands.resume, ReasonBody(reason="news are over")),
    _command(
        "flatten",
        "Halt and close every position",
        ReasonBody,
        TradingReply,
        commands.flatten,
        ReasonBody(reason="the model is wrong"),
    ),
    _command(
        "close",
        "Close a position or a part of it",
        CloseBody,
        OrderCommandReply,
        commands.close,
        CloseBody(symbol="EURUSD", volume=Decimal("0.01"), reason="take a part of the profit"),
    ),
    _command(
        "order",
        "Buy or sell",
        OrderBody,
        OrderCommandReply,
        commands.order,
        OrderBody(symbol="EURUSD", side=Side.BUY, volume=Decimal("0.01"), reason="by hand"),
    ),
    _command(
        "cancel",
        "Cancel a resting order",
        CancelBody,
        OrderCommandReply,
        commands.cancel,
        CancelBody(order_id="manual-1", reason="no longer wanted"),
    ),
    _command(
        "modify",
        "Change a resting order or the stops of a position",
        ModifyBody,
        OrderCommandReply,
        commands.modify,
        ModifyBody(symbol="EURUSD", stop_loss=Decimal("1.05"), reason="secure the profit"),
    ),
    Operation(
        method="GET",
        path="/session",
        name="session",
        summary="The signed-in user",
        role=Role.READ,
        reply=SessionView,
        handler=sessions.read_session,
    ),
    Operation(
        method="POST",
        path="/session",
        name="sign_in",
        summary="Sign in and set the session cookie",
        role=None,
        reply=SessionView,
        handler=sessions.create_session,
        body=SignIn,
        errors={401: ErrorView, 403: ErrorView, 429: ErrorView, 503: ErrorView},
        example=SignIn(once="WWQ2xGLOcVmTXbyPiFdh5i0dcy4uqRDRfZk3WMwjYNA"),
    ),
    Operation(
        method="DELETE",
        path="/session",
        name="sign_out",
        summary="End the session",
        role=Role.READ,
        reply=None,
        handler=sessions.delete_session,
        success=204,
        errors={503: ErrorView},
    ),
    Operation(
        method="GET",
        path="/openapi.json",
        name="openapi",
        summary="This API as an OpenAPI document",
        role=Role.READ,
        reply=dict[str, Any],
        handler=openapi,
    ),
)
"""Every operation."""
