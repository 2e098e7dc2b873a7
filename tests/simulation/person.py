"""A simulated person who sends order commands to the desk and repeats many of them.

The desk stores the reply to a command under the key of the command. However often the person repeats the command, and
whichever process dies in between, the desk makes the command's orders once.
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any, Final

from proto.control import CancelCommand, CloseCommand, ModifyCommand, OrderCommand, OrderCommandReply, PlaceCommand
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.units import to_decimal
from services.portfolio.core.account.orders import Order
from services.portfolio.core.state.portfolio_state import PortfolioState
from tests.simulation.processes import PortfolioProcess

FAR_POINTS: Final = (15, 40, 90)
REPEAT_PROBABILITY: Final = 0.3
"""Probability that the person repeats an earlier command instead of sending a new one."""


class Person:
    """A person who sends commands to the control socket."""

    def __init__(self, portfolio: PortfolioProcess, dice: random.Random) -> None:
        """Start without commands."""
        self.portfolio = portfolio
        self.dice = dice
        self.commands: list[OrderCommand] = []
        self.answers: dict[str, OrderCommandReply] = {}

    def act(self) -> None:
        """Send a command that the current state allows, or repeat an earlier command."""
        portfolio, dice = self.portfolio, self.dice
        if not portfolio.is_alive:
            return
        if self.commands and dice.random() < REPEAT_PROBABILITY:
            command = dice.choice(self.commands[-5:])
        else:
            made = self._made(portfolio.portfolio.state)
            if made is None:
                return
            command = made
            self.commands.append(command)
        portfolio.world.count(type(command).__name__)
        reply = portfolio.obey(command)
        if isinstance(reply, OrderCommandReply) and not reply.denied:
            before = self.answers.setdefault(command.key, reply)
            assert before.order_ids == reply.order_ids, (command, before, reply)

    def _made(self, state: PortfolioState) -> OrderCommand | None:
        book, dice = state.account.book, self.dice
        symbol = dice.choice(state.config.symbols)
        key, reason = f"key-{len(self.commands)}", "the test trades by hand"
        quote = state.stream.market.quotes.get(symbol)
        resting = [order for order_id in book.open_orders if (order := book.orders[order_id]).can_rest]
        position = book.positions.get(symbol)
        if symbol not in book.instruments:
            return None
        kind = dice.choice(("place", "place", "close", "cancel", "change", "guard", "guard"))
        if kind == "place" and quote is not None:
            return PlaceCommand(key=key, reason=reason, **self._order(state, symbol, quote.bid, quote.ask))
        if kind == "cancel" and resting:
            return CancelCommand(key=key, reason=reason, order_id=dice.choice(resting).order_id)
        if kind == "change" and resting:
            return self._change(key, reason, dice.choice(resting), state)
        if position is None or position.is_flat or quote is None:
            return None
        leg = dice.choice(position.legs)
        ticket = leg.ticket if dice.random() < 0.7 else 0
        if kind == "close":
            part = dice.choice((None, Decimal("0.01")))
            return CloseCommand(key=key, reason=reason, symbol=symbol, position=ticket, volume=part)
        stops = self._stops(state, symbol, leg.direction, to_decimal(quote.bid if leg.direction > 0 else quote.ask))
        return ModifyCommand(
            key=key, reason=reason, symbol=symbol, order_id="", position=ticket, price=None, expires_ns=0, **stops
        )

    def _order(self, state: PortfolioState, symbol: str, bid: float, ask: float) -> dict[str, Any]:
        dice, point = self.dice, state.account.book.instruments[symbol].point
        side = dice.choice((Side.BUY, Side.SELL))
        kind = dice.choice((OrderType.MARKET, OrderType.LIMIT, OrderType.STOP))
        price = to_decimal(ask if side is Side.BUY else bid)
        lasting: list[TimeInForce | None] = [None, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTC]
        expires_ns = 0
        if kind is not OrderType.MARKET:
            away = dice.choice(FAR_POINTS) * point * side.sign
            price += away if kind is OrderType.STOP else -away
            lasting = [None, TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD]
        time_in_force = dice.choice(lasting)
        if time_in_force is TimeInForce.GTD:
            expires_ns = state.stream.domain_ns(state.stream.now.mono_ns) + dice.choice((3, 20, 900)) * 1_000_000_000
        return {
            "symbol": symbol,
            "side": side,
            "volume": Decimal(dice.choice(("0.01", "0.02", "0.5"))),
            "type": kind,
            "price": None if kind is OrderType.MARKET else price,
            "time_in_force": time_in_force,
            "trailing_stop_points": dice.choice((0, 0, 25)),
            "expires_ns": expires_ns,
            **self._stops(state, symbol, side.sign, price),
        }

    def _change(self, key: str, reason: str, order: Order, state: PortfolioState) -> ModifyCommand:
        point = state.account.book.instruments[order.symbol].point
        base = order.terms.limit_price if order.terms.limit_price is not None else order.price
        price = base + self.dice.choice((-20, -5, 0, 5, 20)) * point
        return ModifyCommand(
            key=key,
            reason=reason,
            symbol=order.symbol,
            order_id=order.order_id,
            position=0,
            price=price,
            expires_ns=0,
            **self._stops(state, order.symbol, order.side.sign, price),
        )

    def _stops(self, state: PortfolioState, symbol: str, direction: int, price: Decimal) -> dict[str, Any]:
        dice, point = self.dice, state.account.book.instruments[symbol].point
        stop, target = (dice.choice((None, *FAR_POINTS)) for _ in range(2))
        return {
            "stop_loss": None if stop is None else price - stop * point * direction,
            "take_profit": None if target is None else price + target * point * direction,
        }
