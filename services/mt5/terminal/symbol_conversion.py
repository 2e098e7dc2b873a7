"""Conversion of a symbol's row at the terminal to an instrument, and the terms that the package does not have."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from common.errors import StartError
from proto.trading.enums import CalculationMode, GtcMode, SwapMode, TradeMode
from proto.trading.instrument import Instrument, SwapTerms, weekdays_of_triple
from proto.trading.units import to_decimal
from services.mt5.terminal import mt5_types
from services.mt5.terminal.mt5_types import Mt5Symbol
from services.mt5.terminal.row_conversion import PRICE_DECIMALS, expiry_ns, volume_of
from services.mt5.terminal.server_clock import ServerClock

UNTOLD: Final = (
    "margin_rates_long",
    "margin_rates_short",
    "swap_weekdays",
    "commissions",
    "sessions",
    "quote_sessions",
    "holidays",
)
"""Terms that MetaTrader's Python package lacks. The one part of `swap_weekdays` that it has is the triple-swap day."""

CALCULATION_MODES: Final = {
    mt5_types.SYMBOL_CALC_MODE_FOREX: CalculationMode.FOREX,
    mt5_types.SYMBOL_CALC_MODE_FOREX_NO_LEVERAGE: CalculationMode.FOREX_NO_LEVERAGE,
    mt5_types.SYMBOL_CALC_MODE_CFD: CalculationMode.CFD,
    mt5_types.SYMBOL_CALC_MODE_CFDINDEX: CalculationMode.CFD_INDEX,
    mt5_types.SYMBOL_CALC_MODE_CFDLEVERAGE: CalculationMode.CFD_LEVERAGE,
    mt5_types.SYMBOL_CALC_MODE_FUTURES: CalculationMode.FUTURES,
    mt5_types.SYMBOL_CALC_MODE_EXCH_STOCKS: CalculationMode.CFD,
    mt5_types.SYMBOL_CALC_MODE_EXCH_STOCKS_MOEX: CalculationMode.CFD,
    mt5_types.SYMBOL_CALC_MODE_EXCH_FUTURES: CalculationMode.FUTURES,
}
"""The desk's calculation mode for each of MetaTrader's; exchange shares use the formulas of CFD."""

SWAP_MODES: Final = {
    mt5_types.SYMBOL_SWAP_MODE_DISABLED: SwapMode.DISABLED,
    mt5_types.SYMBOL_SWAP_MODE_POINTS: SwapMode.POINTS,
    mt5_types.SYMBOL_SWAP_MODE_CURRENCY_SYMBOL: SwapMode.CURRENCY_SYMBOL,
    mt5_types.SYMBOL_SWAP_MODE_CURRENCY_MARGIN: SwapMode.CURRENCY_MARGIN,
    mt5_types.SYMBOL_SWAP_MODE_CURRENCY_DEPOSIT: SwapMode.CURRENCY_DEPOSIT,
    mt5_types.SYMBOL_SWAP_MODE_INTEREST_CURRENT: SwapMode.INTEREST_CURRENT,
    mt5_types.SYMBOL_SWAP_MODE_INTEREST_OPEN: SwapMode.INTEREST_OPEN,
}
_GTC_MODES: Final = {
    mt5_types.SYMBOL_ORDERS_GTC: GtcMode.GTC,
    mt5_types.SYMBOL_ORDERS_DAILY_NO_STOPS: GtcMode.DAILY_EXCLUDING_STOPS,
}
_TRADE_MODES: Final = {
    mt5_types.SYMBOL_TRADE_MODE_DISABLED: TradeMode.DISABLED,
    mt5_types.SYMBOL_TRADE_MODE_CLOSEONLY: TradeMode.CLOSE_ONLY,
}


def instrument_from_row(row: Mt5Symbol, *, currency: str, clock: ServerClock) -> Instrument:
    """Terms of a symbol for an account in `currency`; missing terms have defaults and are listed in `untold`.

    Raises:
        StartError: the calculation mode is not supported, or the tick value that it needs is not available.
    """
    mode = CALCULATION_MODES.get(row.trade_calc_mode)
    if mode is None:
        raise StartError(
            f"{row.name}: calculation mode {row.trade_calc_mode} of MetaTrader's ENUM_SYMBOL_CALC_MODE, expected one "
            f"that the desk supports: {', '.join(map(str, CALCULATION_MODES))}"
        )
    tick_value = to_decimal(round(row.trade_tick_value, PRICE_DECIMALS)) if row.trade_tick_value else None
    swap_mode, gtc_mode = SWAP_MODES.get(row.swap_mode), _GTC_MODES.get(row.order_gtc_mode)
    swap = None if swap_mode is None else SwapTerms(None, swap_mode, _exact(row.swap_long), _exact(row.swap_short))
    missing = [name for name, value in (("swaps", swap), ("gtc_mode", gtc_mode)) if value is None]
    return Instrument(
        symbol=row.name,
        base_currency=row.currency_base,
        profit_currency=row.currency_profit,
        digits=row.digits,
        contract_size=to_decimal(row.trade_contract_size),
        tick_size=to_decimal(row.trade_tick_size) if row.trade_tick_size else Decimal(1).scaleb(-row.digits),
        volume_min=volume_of(row.volume_min),
        volume_max=volume_of(row.volume_max),
        volume_step=volume_of(row.volume_step),
        volume_limit=volume_of(row.volume_limit),
        tick_value=tick_value,
        tick_price=_tick_price(row, mode, tick_value, currency),
        stops_level_points=row.trade_stops_level,
        freeze_level_points=row.trade_freeze_level,
        calculation_mode=mode,
        margin_currency=row.currency_margin,
        margin_initial=_exact(row.margin_initial),
        margin_maintenance=_exact(row.margin_maintenance),
        margin_hedged=None if row.margin_hedged_use_leg else _exact(row.margin_hedged),
        swaps=() if swap is None or not (swap.long or swap.short) else (swap,),
        swap_weekdays=weekdays_of_triple((row.swap_rollover3days - 1) % 7),
        clock=clock.zone,
        expires_ns=expiry_ns(row.expiration_time, clock),
        filling=fillings_of(row),
        gtc_mode=gtc_mode or GtcMode.GTC,
        trade_mode=_TRADE_MODES.get(row.trade_mode, TradeMode.FULL),
        untold=(*UNTOLD, *missing),
    )


def _exact(value: float) -> Decimal:
    return to_decimal(round(value, PRICE_DECIMALS))


def _tick_price(row: Mt5Symbol, mode: CalculationMode, tick_value: Decimal | None, currency: str) -> Decimal:
    """Tick value of 1 lot in profit currency, 0 for a mode that needs none.

    The package has it in account currency, so the two currencies must be equal.

    Raises:
        StartError: the currencies differ, or the package has no tick value.
    """
    if mode not in (CalculationMode.FUTURES, CalculationMode.CFD_INDEX):
        return Decimal(0)
    if tick_value is None or row.currency_profit != currency:
        raise StartError(
            f"{row.name}: the tick value is {tick_value} {currency}, expected a value in the profit currency "
            f"{row.currency_profit}, which calculation mode {mode} needs"
        )
    return tick_value


def fillings_of(row: Mt5Symbol) -> tuple[str, ...]:
    """The fill policies that a symbol allows for market orders, by its flags and its execution mode.

    Request and instant execution allow FOK and RETURN, whatever the flags. Market execution never allows RETURN.
    """
    if row.trade_exemode in (mt5_types.SYMBOL_TRADE_EXECUTION_REQUEST, mt5_types.SYMBOL_TRADE_EXECUTION_INSTANT):
        return ("FOK", "RETURN")
    flags = (("FOK", mt5_types.SYMBOL_FILLING_FLAG_FOK), ("IOC", mt5_types.SYMBOL_FILLING_FLAG_IOC))
    taken = tuple(name for name, flag in flags if row.filling_mode & flag)
    return taken if row.trade_exemode == mt5_types.SYMBOL_TRADE_EXECUTION_MARKET else (*taken, "RETURN")
