"""Entry point of the signal process."""

from __future__ import annotations

from common import logs
from common.errors import StartError
from common.event_loop import EventLoop
from common.heartbeat import Heartbeat
from common.process_main import run_process
from common.settings import load
from common.sockets import Sockets
from services.signal.call_marker import CallMarker
from services.signal.checkpoint import CheckpointStore
from services.signal.core.signal_engine import SignalEngine
from services.signal.given_parameters import SETTING, parse_parameters, plan_parameters
from services.signal.metrics import METRICS, MODEL_FALLBACKS
from services.signal.settings import SignalSettings
from services.signal.shell import SignalShell, new_boot_id
from services.signal.strategy_loader import UnknownStrategyError, parse_strategies, strategy_factories


def run() -> None:
    """Read the settings, load the strategies, compose the process and serve until stopped.

    Raises:
        StartError: the process cannot start, for example because a strategy is unknown.
    """
    settings = load(SignalSettings)
    logs.configure("signal", settings.log_level)
    loop = EventLoop("signal")
    loop.set_heartbeat(Heartbeat(settings.paperdesk_runtime_dir, "signal"))
    marker = CallMarker(settings.paperdesk_runtime_dir, settings.publisher, settings.trading_symbol)
    mark_call = marker.mark()
    try:
        names = parse_strategies(settings.strategy, settings.trading_symbol)
        out_of_use = marker.faults(names)
        make_strategies = strategy_factories(
            settings.strategy,
            settings.trading_symbol,
            given=[parse_parameters(settings.strategy_params, source=SETTING), plan_parameters(settings.plan)],
            model=settings.model,
            data_dir=settings.paperdesk_data_dir,
            on_fallback=_model_falls_back,
            defer_errors=True,
            # Sequence 0: the strategy ended the process while it was loaded, so it is not loaded for any symbol.
            out_of_use=[names[symbol] for symbol, fault in out_of_use.items() if not fault.sequence],
            mark_load=lambda symbol: mark_call(symbol, 0),
        )
    except UnknownStrategyError as error:
        raise StartError(f"STRATEGY: value '{settings.strategy}': {error}") from None
    METRICS.serve(settings.metrics_port_signal, settings.metrics_host)
    engine = SignalEngine(
        publisher=settings.publisher,
        boot_id=new_boot_id(),
        make_strategies=make_strategies,
        out_of_use=out_of_use,
        mark_call=mark_call,
    )
    try:
        marker.loaded()
        store = CheckpointStore(settings.paperdesk_data_dir / "signal" / f"{settings.publisher}.db")
        sockets = Sockets()
        try:
            SignalShell(settings, engine, store, sockets, loop, clear_mark=marker.clear).run()
            marker.end()
        finally:
            sockets.close()
            store.close()
    finally:
        loop.close()


def _model_falls_back(why: str) -> None:
    logs.get_logger().warning(
        "the model is evaluated by XGBoost, many times slower than by the compiled tree walk", why=why
    )
    MODEL_FALLBACKS.inc()


if __name__ == "__main__":
    run_process(run)
