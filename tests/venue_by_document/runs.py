"""Runs of the desk over seeded quotes, and of the second venue (`Simulator`) with the same ticks and requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from marketdata.files.tick_input import TickInput
from marketdata.tick_stream import TickStream
from proto.trading.enums import AccountMode
from proto.trading.instrument import Instrument
from research.backtest import run_backtest
from research.run_spec import RunSpec
from services.portfolio.core.plan.on_opposite import OnOpposite
from tests.support.market import utc_ns
from tests.venue_by_document.book import OrderState, Outcome, Retcode, Tick
from tests.venue_by_document.market import FINE_GOLD, MODELS, write_quotes
from tests.venue_by_document.profile import AccountTerms, Profile
from tests.venue_by_document.run_ledger import RunLedger
from tests.venue_by_document.simulator import Simulator
from tests.venue_by_document.terms import TermsOf, terms_of_instrument
from tests.venue_by_document.terms_file import read_terms

LIMITS: Final = """
position_legs_max = 3
orders_per_second_max = "none"
orders_per_minute_max = "none"
orders_per_day_max = "none"
repeated_orders_max = "none"
rejects_per_minute_max = "none"
spread_factor_max = "none"
breaker_losses = "none"
rollover_pause_min = "none"
daily_loss_pct_max = "none"
drawdown_warn_pct = "none"
drawdown_reduce_pct = "none"
drawdown_halt_pct = "none"
order_notional_pct_of_power_max = "none"
symbol_exposure_pct_of_power_max = "none"
gross_exposure_pct_of_power_max = "none"
currency_exposure_pct_of_power_max = "none"
margin_pct_of_equity_max = "none"
quote_age_ms_max = "none"
price_collar_fx_pct_max = "none"
price_collar_other_pct_max = "none"
"""
"""Settings without most risk limits, so that the desk sends requests which the venue must refuse."""

ENTRIES: Final = (
    '{ type = "LIMIT", offset_points = 30, lifetime_s = 7200 }',
    '{ type = "MARKET", deviation_points = 30 }',
    '{ type = "STOP", offset_points = 20, time_in_force = "DAY" }',
    '{ type = "LIMIT", offset_points = 15 }',
)
EXITS: Final = (
    "{ stop_loss_points = 90, take_profit_points = 140, trailing_stop_points = 60, trailing_step_points = 5 }",
    "{ stop_loss_points = 400, take_profit_points = 600, time_exit_s = 200000 }",
    "{ stop_loss_points = 80, take_profit_points = 90, time_exit_s = 90000 }",
    "{ take_profit_points = 120, trailing_stop_points = 100, trailing_step_points = 1 }",
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Settings of a run: symbols to trade and to watch, account, fills, and thirteen days of quotes from `start`."""

    name: str
    symbols: tuple[str, ...]
    watched: tuple[str, ...] = ()
    currency: str
    account_mode: AccountMode
    profile: Profile
    start: str
    seed: int
    balance: Decimal
    leverage: int = 100
    lots: str = "0.13"
    bursts: int = 40
    instruments: Path | None = None

    @property
    def account(self) -> AccountTerms:
        """The account for the second venue."""
        return AccountTerms(
            currency=self.currency,
            deposit=self.balance,
            is_hedging=self.account_mode is AccountMode.HEDGING,
            leverage=self.leverage,
        )

    def plan(self) -> str:
        """A plan with a different entry and exit for each symbol, selected by the seed."""
        lines = [f'[sizing]\nmethod = "fixed"\nvolume = {self.lots}']
        for number, symbol in enumerate(self.symbols):
            way = (number + self.seed) % len(ENTRIES)
            lines.append(
                f'[strategies.s{number}]\nsymbols = ["{symbol}"]\nentry = {ENTRIES[way]}\nexits = {EXITS[way]}'
            )
        return "\n".join(lines)

    def spec(self, folder: Path) -> RunSpec:
        """Write the files of the run to a folder, and return its settings."""
        models = [
            FINE_GOLD if self.instruments and name == "XAUUSD" else MODELS[name]
            for name in (*self.symbols, *self.watched)
        ]
        files = write_quotes(folder, models, start_ns=utc_ns(self.start), bursts=self.bursts, seed=self.seed)
        texts = {"plan": self.plan(), "limits": LIMITS, "fills": self.profile.toml()}
        for name, text in texts.items():
            (folder / f"{name}.toml").write_text(text, encoding="utf-8")
        return RunSpec(
            inputs=tuple(TickInput(files[symbol], symbol) for symbol in self.symbols),
            watched=tuple(TickInput(files[symbol], symbol) for symbol in self.watched),
            strategy="tests.venue_by_document.strategies:Coin",
            plan=str(folder / "plan.toml"),
            risk=str(folder / "limits.toml"),
            fills=str(folder / "fills.toml"),
            currency=self.currency,
            balance=self.balance,
            account_mode=self.account_mode,
            on_opposite=OnOpposite.REVERSE,
            leverage=self.leverage,
            instruments="" if self.instruments is None else str(self.instruments),
        )

    def terms(self, reported: Mapping[str, Instrument]) -> TermsOf:
        """Terms of the run's symbols from the instrument file, or else as the gateway reported them."""
        of_file = {} if self.instruments is None else read_terms(self.instruments)
        return {
            symbol: of_file[symbol] if symbol in of_file else terms_of_instrument(reported[symbol])
            for symbol in (*self.symbols, *self.watched)
        }


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of a run, and the result of the second venue."""

    ledger: RunLedger
    report: dict[str, Any]
    expected: Outcome

    def differences(self) -> list[str]:
        """One line for each deal, order, change and amount that differs from the second venue."""
        return [*self._deals(), *self._orders(), *self._changes(), *self._amounts()]

    def _deals(self) -> Iterator[str]:
        pairs = zip(self.ledger.deals, self.expected.deals, strict=False)
        for number, (found, expected) in enumerate(pairs, 1):
            if found != expected:
                yield f"deal {number}: {found}\n  expected {expected}"
        if len(self.ledger.deals) != len(self.expected.deals):
            yield f"{len(self.ledger.deals)} deals, expected {len(self.expected.deals)}"

    def _orders(self) -> Iterator[str]:
        for order_id, (status, retcode) in self.ledger.orders.items():
            order = self.expected.orders[order_id]
            expected = order.state.name if order.has_ended else "ACCEPTED"
            is_final = order.state in (OrderState.FILLED, OrderState.REJECTED)
            if status != expected or (is_final and retcode != order.retcode):
                yield f"{order_id} is {status} {retcode}, expected {expected} {order.retcode}: {order.request}"

    def _changes(self) -> Iterator[str]:
        answers = zip(self.ledger.change_answers, self.expected.changes, strict=True)
        for number, ((retcode, error), expected) in enumerate(answers, 1):
            if retcode != expected:
                yield f"change {number} has {retcode} {error}, expected {expected}"

    def _amounts(self) -> Iterator[str]:
        for name, expected in (("balance", self.expected.balance), ("equity", self.expected.equity)):
            if (found := Decimal(self.report[name])) != expected:
                yield f"{name} {found}, expected {expected}"

    def seen(self) -> set[str]:
        """The kinds of deals, the return codes of refusals, and the statuses of orders that occurred in the run."""
        deals = {f"{deal.entry.value} {deal.reason.value}" for deal in self.ledger.deals}
        refusals = {
            f"refused {Retcode(retcode).name}"
            for status, retcode in self.ledger.orders.values()
            if status == "REJECTED" and retcode
        }
        reasons = {f"{deal.symbol} {deal.reason.value}" for deal in self.ledger.deals}
        return deals | reasons | refusals | {status for status, _ in self.ledger.orders.values()}


def run(case: Case, folder: Path) -> Result:
    """Run the desk, then the second venue with the desk's requests."""
    spec = case.spec(folder)
    stream = spec.load()
    data_dir = folder / "desk"
    data_dir.mkdir()
    report = run_backtest(spec, stream, data_dir=data_dir)
    return compare(case, stream, data_dir, report)


def compare(case: Case, stream: TickStream, data_dir: Path, report: dict[str, Any]) -> Result:
    """Run the second venue with the requests in a run's ledger, and compare the results."""
    ledger = RunLedger(data_dir)
    terms = case.terms(ledger.instruments)
    expected = Simulator(case.account, terms, case.profile).run(ticks_of(stream), ledger.requests)
    return Result(ledger=ledger, report=report, expected=expected)


def ticks_of(stream: TickStream) -> Iterator[Tick]:
    """The ticks of a stream, in the order of their ordinals."""
    for ordinal in range(1, stream.last_ordinal + 1):
        tick = stream.tick_at(ordinal)
        yield Tick(ordinal, tick.symbol, tick.time_ns, tick.bid, tick.ask)
