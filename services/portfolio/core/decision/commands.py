"""Entry point for commands of people."""

from __future__ import annotations

from proto.control import (
    ControlError,
    DeskCommand,
    OrderCommand,
    OrderCommandReply,
    RiskResetCommand,
    RiskResetReply,
    TradingReply,
)
from services.portfolio.core.decision.manual_orders import apply_order_command
from services.portfolio.core.decision.operator_commands import apply_trading_command
from services.portfolio.core.decision.rule_exceptions import apply_risk_reset
from services.portfolio.core.state.portfolio_state import PortfolioState

CommandReply = TradingReply | OrderCommandReply | RiskResetReply | ControlError


def apply_command(state: PortfolioState, command: DeskCommand) -> CommandReply:
    """Execute a person's command; the caller sends the reply only when the events are durable."""
    if isinstance(command, OrderCommand):
        return apply_order_command(state, command)
    if isinstance(command, RiskResetCommand):
        return apply_risk_reset(state, command)
    return apply_trading_command(state, command)
