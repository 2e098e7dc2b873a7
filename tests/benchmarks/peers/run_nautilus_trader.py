"""NautilusTrader's backtest engine: quotes, a netting margin account, no fees, market orders at the touch.

A reversal is one order of twice the volume, as in Paperdesk. The averages are the engine's own compiled indicators.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import nautilus_trader
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model.currencies import EUR, USD
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, PriceType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import QuoteTickDataWrangler
from nautilus_trader.trading.strategy import Strategy

from tests.benchmarks.peers.model_loop import ModelDecisions
from tests.benchmarks.peers.work import (
    DEPOSIT,
    FAST_TICKS,
    MODEL,
    SLOW_TICKS,
    UNITS,
    Quotes,
    Result,
    Stopwatch,
    arguments,
    emit,
)


def an_instrument() -> Any:
    """EUR/USD with five digits and without fees."""
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol("EUR/USD"), Venue("SIM")),
        raw_symbol=Symbol("EUR/USD"),
        base_currency=EUR,
        quote_currency=USD,
        price_precision=5,
        size_precision=0,
        price_increment=Price.from_str("0.00001"),
        size_increment=Quantity.from_int(1),
        lot_size=Quantity.from_int(1),
        margin_init=Decimal("0.03"),
        margin_maint=Decimal("0.03"),
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
        ts_event=0,
        ts_init=0,
    )


class Following(Strategy):  # type: ignore[misc]
    """Holds one lot on the side that `turn` is given."""

    def __init__(self, instrument_id: Any) -> None:
        super().__init__()
        self.instrument_id = instrument_id
        self.position = 0

    def on_start(self) -> None:
        self.subscribe_quote_ticks(self.instrument_id)

    def turn(self, side: int) -> None:
        """Hold `side` from this quote on."""
        units = UNITS * (2 if self.position else 1)
        self.position = side
        self.submit_order(
            self.order_factory.market(
                self.instrument_id, OrderSide.BUY if side > 0 else OrderSide.SELL, Quantity.from_int(units)
            )
        )


class CrossingStrategy(Following):
    """Follows two averages of the mid."""

    def on_start(self) -> None:
        self.ticks = self.side = 0
        self.fast = ExponentialMovingAverage(FAST_TICKS, PriceType.MID)
        self.slow = ExponentialMovingAverage(SLOW_TICKS, PriceType.MID)
        self.register_indicator_for_quote_ticks(self.instrument_id, self.fast)
        self.register_indicator_for_quote_ticks(self.instrument_id, self.slow)
        super().on_start()

    def on_quote_tick(self, tick: Any) -> None:  # noqa: ARG002
        self.ticks += 1
        fast, slow = self.fast.value, self.slow.value
        if fast > slow:
            self.side = 1
        elif fast < slow:
            self.side = -1
        if self.ticks > SLOW_TICKS and self.side != self.position:
            self.turn(self.side)


class ModelStrategy(Following):
    """Follows the demo model."""

    decisions: ModelDecisions
    volumes: list[float]

    def on_start(self) -> None:
        self.ticks = 0
        super().on_start()

    def on_quote_tick(self, tick: Any) -> None:
        bid, ask = tick.bid_price.as_double(), tick.ask_price.as_double()
        side = self.decisions.push(tick.ts_event, bid, ask, self.volumes[self.ticks])
        self.ticks += 1
        if side != self.position:
            self.turn(side)


def run(kind: str, quotes: Quotes) -> Result:
    """Run the engine once."""
    setup = Stopwatch()
    instrument = an_instrument()
    frame = pd.DataFrame(
        {"bid_price": quotes.bid, "ask_price": quotes.ask}, index=pd.to_datetime(quotes.time_ns, utc=True)
    )
    frame.index.name = "timestamp"
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
    engine.add_venue(
        instrument.id.venue,
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money(DEPOSIT, USD)],
        base_currency=USD,
        default_leverage=Decimal(30),
    )
    engine.add_instrument(instrument)
    engine.add_data(QuoteTickDataWrangler(instrument).process(frame))
    strategy: Any = ModelStrategy(instrument.id) if kind == MODEL else CrossingStrategy(instrument.id)
    if kind == MODEL:
        strategy.decisions, strategy.volumes = ModelDecisions(), quotes.volume.tolist()
    engine.add_strategy(strategy)
    setup_s, _ = setup.read()
    watch = Stopwatch()
    engine.run()
    run_s, cpu_s = watch.read()
    units = sum(int(order.filled_qty) for order in engine.cache.orders())
    profit = float(engine.cache.account_for_venue(instrument.id.venue).balance_total(USD)) - DEPOSIT
    return Result(
        "NautilusTrader",
        nautilus_trader.__version__,
        len(quotes),
        units // UNITS,
        profit,
        setup_s,
        run_s,
        cpu_s,
        remark="with numpy and XGBoost in the strategy" if kind == MODEL else "",
    )


if __name__ == "__main__":
    emit(run(*arguments()))
