"""The gateway process with the simulated venue."""

from __future__ import annotations

import uuid
from typing import Final

from common import logs
from common.errors import StartError
from common.heartbeat import Heartbeat
from common.sockets import Sockets
from marketdata.files.stream_loader import load_stream
from marketdata.generated_market import GeneratedMarket, open_market
from marketdata.instrument_files.loader import load_instruments
from marketdata.tick_stream import MarketSource, TickStream
from services.mt5 import metrics
from services.mt5.core.compose import simulated_gateway
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.core.simulated.venue import VenueSetupError
from services.mt5.fill_profiles import load_fill_profile
from services.mt5.settings import Mt5Settings
from services.mt5.shell import GatewayShell
from services.mt5.stores.book_store import DurableBookStore
from services.mt5.stores.journal_store import DurableJournal
from services.mt5.stores.market_store import MarketSaver

STREAM_ID_HASH_CHARS: Final = 24


def serve_from_settings(settings: Mt5Settings) -> None:
    """Serve the recorded ticks of the settings, or a generated market, until stopped."""
    settings.require_sound()
    if settings.is_generated:
        serve(settings, None)
        return
    stream = load_stream(
        [one._replace(zone=settings.mt5_ticks_zone) for one in settings.mt5_ticks],
        crossed=settings.mt5_crossed,
        from_row=settings.mt5_from_row,
        to_row=settings.mt5_to_row,
        ticks_max=settings.mt5_ticks_max,
        # In a container, the system's folder for temporary files is in memory.
        spool_folder=settings.paperdesk_data_dir,
    )
    for remark in stream.remarks:
        logs.get_logger().warning("remark on the times of the recorded ticks", remark=remark)
    serve(settings, stream)


def serve(settings: Mt5Settings, recorded: TickStream | None) -> None:
    """Open the files, bind the sockets, and serve until stopped; without recorded ticks the market is generated.

    Raises:
        StartError: files, settings and market do not match, or a file or port is in use.
    """
    folder = settings.paperdesk_data_dir / "venue"
    heartbeat = Heartbeat(settings.paperdesk_runtime_dir, "mt5")
    sockets = Sockets()
    book_store = DurableBookStore(folder / "book.db")
    try:
        journal = DurableJournal(folder / "journal.db", new_id=uuid.uuid4().hex, account=settings.account)
        try:
            if journal.entry_count and book_store.is_empty:
                raise StartError(
                    f"{folder}: journal.db has {journal.entry_count} orders and book.db is new; "
                    "expected both files of one account, or neither"
                )
            stream: MarketSource
            if recorded is not None:
                stream = recorded
                stream_id = settings.mt5_stream_id or f"ticks-{recorded.data_sha256[:STREAM_ID_HASH_CHARS]}"
                save_market = None
            else:
                stream = market = _generated(settings, book_store)
                stream_id = market.stream_id
                save_market = MarketSaver(market, book_store.market).save
            catalogue = load_instruments(settings.mt5_instruments)
            for symbol in stream.symbols:
                catalogue.require(settings.mt5_symbol_map.get(symbol, symbol))
            gateway = simulated_gateway(
                stream=stream,
                stream_id=stream_id,
                journal=journal,
                book_store=book_store,
                boot_id=uuid.uuid4().hex,
                terms=AccountTerms(
                    deposit=settings.mt5_balance,
                    currency=settings.mt5_currency,
                    mode=settings.mt5_account_mode,
                    leverage=settings.mt5_leverage,
                    profile=load_fill_profile(settings.mt5_fills),
                    seed=settings.mt5_seed,
                    catalogue=catalogue,
                ),
                pace=settings.pace,
                symbol_map=settings.mt5_symbol_map,
                faults=settings.mt5_faults,
                lease_ttl_ms=settings.mt5_lease_ms,
                settling_ms=settings.mt5_settling_ms,
            )

            def require_files() -> None:
                journal.require_file_unchanged()
                book_store.require_file_unchanged()

            shell = GatewayShell(
                gateway,
                sockets,
                request_url=settings.mt5_request_url,
                publish_url=settings.mt5_publish_url,
                save_market=save_market,
                require_files=require_files,
                heartbeat=heartbeat,
                tapped_in=settings.paperdesk_runtime_dir,
            )
            metrics.init_series(stream.counts, stream.symbols)
            metrics.METRICS.serve(settings.metrics_port_mt5, settings.metrics_host)
            logs.get_logger().info(
                "the simulated market is open: no order is real",
                requests=shell.request_url,
                ticks=shell.publish_url,
                symbols=list(stream.symbols),
                tick_count="endless, generated" if recorded is None else recorded.last_ordinal,
                rejected=stream.counts.rejected,
                book_ordinal=gateway.venue.ordinal,
            )
            shell.run()
            shell.checkpoint()
        except VenueSetupError as error:
            raise StartError(f"{error} (the account is in {folder})") from None
        finally:
            journal.close()
    finally:
        book_store.close()
        sockets.close()


def _generated(settings: Mt5Settings, book_store: DurableBookStore) -> GeneratedMarket:
    """The account's generated market, continued or new. A new market's first state is stored before its first tick."""
    market = open_market(
        symbols=settings.quoted_symbols,
        seed=settings.mt5_seed,
        before=book_store.market.load(),
        after_ns=book_store.time_ns,
        symbol_map=settings.mt5_symbol_map,
    )
    MarketSaver(market, book_store.market).save(0)
    return market
