"""Sums of the closed trades that match a filter, and the curve of their cumulative net profit."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import apsw
import msgspec
from msgspec import Struct

from proto.trading.units import ZERO
from services.web.api.tables import TradesSummary
from services.web.read_model.paging import PageRequest, matching_payloads
from services.web.read_model.thinning import thin


class _Amounts(Struct, frozen=True):
    """The fields of a trade that are summed."""

    close_time_ns: int
    profit: Decimal
    commission: Decimal
    swap: Decimal
    net: Decimal


_amounts: Final = msgspec.json.Decoder(_Amounts)


def read_trade_summary(db: apsw.Connection, request: PageRequest, width: int) -> TradesSummary:
    """Sum all trades that match a request, whose order is that of the curve; its limit and cursor have no effect.

    Args:
        db: the index.
        request: filter of the table of trades, sorted by number.
        width: number of intervals of the curve, > 0; each keeps its extremes.

    Raises:
        ValueError: the width is not positive.
    """
    with db:
        summary = _summary((_amounts.decode(payload) for payload in matching_payloads(db, request)), width)
    return summary  # noqa: RET504 - mypy takes the block for one that may suppress errors


def _summary(trades: Iterable[_Amounts], width: int) -> TradesSummary:
    count = wins = 0
    net = gross_profit = gross_loss = commission = swap = ZERO
    points: list[tuple[int, Decimal]] = []
    for trade in trades:
        count += 1
        wins += trade.net > 0
        net += trade.net
        commission += trade.commission
        swap += trade.swap
        if trade.profit > 0:
            gross_profit += trade.profit
        else:
            gross_loss += trade.profit
        points.append((trade.close_time_ns, net))
    return TradesSummary(
        trades=count,
        wins=wins,
        net=net,
        gross_profit=gross_profit,
        gross_loss=gross_loss,
        commission=commission,
        swap=swap,
        points=thin(points, width),
    )
