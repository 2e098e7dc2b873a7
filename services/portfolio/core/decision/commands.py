"""One entry for every command of a person."""

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
from services.portfolio.core.state.desk import Desk

CommandReply = TradingReply | OrderCommandReply | RiskResetReply | ControlError


def apply_command(desk: Desk, command: DeskCommand) -> CommandReply:
    """Do what a person has ordered; the reply may go out when what came of it is durable."""
    if isinstance(command, OrderCommand):
        return apply_order_command(desk, command)
    if isinstance(command, RiskResetCommand):
        return apply_risk_reset(desk, command)
    return apply_trading_command(desk, command)
