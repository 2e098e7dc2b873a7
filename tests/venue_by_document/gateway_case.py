"""A case of the hand-computed table, played on the simulated venue's gateway with protocol messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import polars as pl

from marketdata.files.stream_loader import load_stream
from marketdata.files.tick_input import TickInput
from marketdata.instrument_files.loader import load_instruments
from proto.codec import decode_request, encode
from proto.gateway import (
    AccountReply,
    Buy,
    Cancel,
    Confirm,
    DealsReply,
    GetAccount,
    GetDeals,
    Modify,
    ModifyReply,
    OrderReply,
    OrderStatusQuery,
    Sell,
    VenueDeal,
)
from proto.time import Now
from proto.trading.enums import AccountMode
from services.mt5.core.compose import simulated_gateway
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.book_store import MemoryBookStore
from services.mt5.fill_profiles import load_fill_profile
from tests.venue_by_document.book import CancelOrder, ModifyStops, PlaceOrder, Request
from tests.venue_by_document.hand_table import HandCase, HandDeal
from tests.venue_by_document.terms_file import terms_text

STREAM: Final = "by-hand"
NOW: Final = Now(0, 0)


class GatewayCase:
    """One case at the simulated venue's gateway; `play` processes its quotes and requests."""

    def __init__(self, case: HandCase, folder: Path) -> None:
        self._case = case
        profile = folder / "fills.toml"
        profile.write_text(case.profile.toml(), encoding="utf-8")
        instruments = folder / "instruments.toml"
        instruments.write_text(terms_text(case.instruments), encoding="utf-8")
        self._gateway = simulated_gateway(
            stream=load_stream(_tick_files(case, folder), crossed="reject"),
            stream_id=STREAM,
            journal=MemoryJournal(STREAM),
            book_store=MemoryBookStore(),
            boot_id=STREAM,
            terms=AccountTerms(
                deposit=case.account.deposit,
                currency=case.account.currency,
                mode=AccountMode.HEDGING if case.account.is_hedging else AccountMode.NETTING,
                leverage=case.account.leverage,
                profile=load_fill_profile(str(profile)),
                catalogue=load_instruments(str(instruments) if case.instruments else ""),
            ),
        )
        self.change_answers: list[int | None] = []

    def play(self) -> None:
        """Send each request at its tick, and process all ticks to the last one."""
        for ordinal in range(1, len(self._case.quotes) + 1):
            self._ask(Confirm(stream_id=STREAM, ordinal=ordinal - 1))
            for request in self._case.requests:
                if request.ordinal == ordinal:
                    self._send(request)

    def _ask(self, message: Any) -> Any:
        request, _ = decode_request(encode(message))
        return self._gateway.handle(request, NOW)[0]

    def _send(self, request: Request) -> None:
        match request:
            case PlaceOrder():
                self._ask(self._order(request))
            case CancelOrder():
                self._ask(Cancel(order_id=request.order_id, ordinal=request.ordinal))
            case ModifyStops():
                reply = self._ask(
                    Modify(
                        symbol=request.symbol,
                        position=self._ticket(request.position),
                        stop_loss=request.stop_loss,
                        take_profit=request.take_profit,
                        ordinal=request.ordinal,
                    )
                )
                assert isinstance(reply, ModifyReply)
                self.change_answers.append(reply.retcode)

    def _order(self, request: PlaceOrder) -> Buy | Sell:
        action = Buy if request.sign > 0 else Sell
        return action(
            order_id=request.order_id,
            symbol=request.symbol,
            volume=request.volume,
            price=request.price,
            type=request.type,
            time_in_force=request.time_in_force,
            stop_loss=request.stop_loss,
            take_profit=request.take_profit,
            expires_ns=request.expires_ns,
            position=self._ticket(request.position) if request.position else 0,
            deviation_points=request.deviation_points,
            ordinal=request.ordinal,
        )

    def _ticket(self, opened_by: str) -> int:
        return next(deal.position for deal in self._trades() if deal.order_id == opened_by)

    def _trades(self) -> list[VenueDeal]:
        reply = self._ask(GetDeals())
        assert isinstance(reply, DealsReply)
        return [deal for deal in reply.deals if deal.symbol]

    @property
    def deals(self) -> list[HandDeal]:
        """All deals, numbered as in the table."""
        opened_by: dict[int, str] = {}
        found = []
        first = self._case.deals[0].number if self._case.deals else 0
        for number, deal in enumerate(self._trades(), first):
            opened_by.setdefault(deal.position, deal.order_id)
            found.append(
                HandDeal(
                    number=number,
                    time_ns=deal.time_ns,
                    kind=deal.kind,
                    entry=deal.entry,
                    order=deal.order_id,
                    position=opened_by[deal.position],
                    reason=deal.reason,
                    lots=deal.volume,
                    price=deal.price,
                    profit=deal.profit,
                    commission=deal.commission,
                    swap=deal.swap,
                )
            )
        return found

    def end_of(self, order_id: str) -> tuple[str, int | None]:
        """An order's status and the venue's return code."""
        reply = self._ask(OrderStatusQuery(order_id=order_id))
        assert isinstance(reply, OrderReply)
        return str(reply.status), reply.retcode

    @property
    def account(self) -> AccountReply:
        """The account at the last quote."""
        reply = self._ask(GetAccount())
        assert isinstance(reply, AccountReply)
        return reply


def _tick_files(case: HandCase, folder: Path) -> list[TickInput]:
    """A tick file for each symbol, in the order of the symbols' first quotes."""
    inputs = []
    for symbol in dict.fromkeys(quote.symbol for quote in case.quotes):
        path = folder / f"{symbol}.parquet"
        rows = [quote for quote in case.quotes if quote.symbol == symbol]
        columns = {
            "ts_ns": [quote.time_ns for quote in rows],
            "bid": [float(quote.bid) for quote in rows],
            "ask": [float(quote.ask) for quote in rows],
        }
        pl.DataFrame(columns).write_parquet(path)
        inputs.append(TickInput(path, symbol))
    return inputs
