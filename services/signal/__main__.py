"""The signal process: settings in, objects out, loop."""

from __future__ import annotations

from common import logs
from common.errors import StartError
from common.event_loop import EventLoop
from common.heartbeat import Heartbeat
from common.process_main import run_process
from common.settings import load
from common.sockets import Sockets
from services.signal.checkpoint import CheckpointStore
from services.signal.core.signal_engine import SignalEngine
from services.signal.metrics import METRICS, MODEL_FALLBACKS
from services.signal.settings import SignalSettings
from services.signal.shell import SignalShell, new_boot_id
from services.signal.strategy_loader import UnknownStrategyError, strategy_factories


def run() -> None:
    """Compose the process and serve."""
    settings = load(SignalSettings)
    logs.configure("signal", settings.log_level)
    loop = EventLoop("signal")
    loop.set_heartbeat(Heartbeat(settings.paperdesk_runtime_dir, "signal"))
    try:
        make_strategies = strategy_factories(
            settings.strategy,
            settings.trading_symbol,
            model=settings.model,
            data_dir=settings.paperdesk_data_dir,
            on_fallback=_model_falls_back,
        )
    except UnknownStrategyError as error:
        raise StartError(f"STRATEGY: value '{settings.strategy}': {error}") from None
    METRICS.serve(settings.metrics_port_signal, settings.metrics_host)
    engine = SignalEngine(
        publisher=settings.publisher,
        boot_id=new_boot_id(),
        make_strategies=make_strategies,
    )
    try:
        store = CheckpointStore(settings.paperdesk_data_dir / "signal" / f"{settings.publisher}.db")
        sockets = Sockets()
        try:
            SignalShell(settings, engine, store, sockets, loop).run()
        finally:
            sockets.close()
            store.close()
    finally:
        loop.close()


def _model_falls_back(why: str) -> None:
    logs.get_logger().warning("XGBoost serves the model, many times slower than the walk down its trees", why=why)
    MODEL_FALLBACKS.inc()


if __name__ == "__main__":
    run_process(run)
