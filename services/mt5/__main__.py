"""The gateway process: settings in, objects out, loop."""

from __future__ import annotations

import argparse
import uuid

from common import logs, metrics
from common.errors import StartError
from common.service import main
from common.settings import load
from common.sockets import Sockets
from research.ticks import load_stream
from services.mt5.book_store import DurableBookStore
from services.mt5.core.compose import simulated_gateway
from services.mt5.core.stream import TickStream
from services.mt5.core.venue import VenueSetupError
from services.mt5.journal import DurableJournal
from services.mt5.settings import Mt5Settings
from services.mt5.shell import GatewayShell

STREAM_ID_HASH_CHARS = 24


def run() -> None:
    """Compose the process and serve."""
    parser = argparse.ArgumentParser(prog="python -m services.mt5", description=__doc__)
    parser.add_argument("--venue", choices=("simulated", "terminal"), default="simulated")
    if parser.parse_args().venue == "terminal":
        raise StartError("--venue: value 'terminal' is not to be had in this version, expected 'simulated'")
    settings = load(Mt5Settings)
    settings.require_sound()
    logs.configure("mt5", settings.log_level)
    stream = load_stream(
        settings.mt5_ticks,
        crossed=settings.mt5_crossed,
        from_row=settings.mt5_from_row,
        to_row=settings.mt5_to_row,
        ticks_max=settings.mt5_ticks_max,
    )
    serve(settings, stream)


def serve(settings: Mt5Settings, stream: TickStream) -> None:
    """Open the two files, bind the two sockets, and run until told to stop."""
    folder = settings.paperdesk_data_dir / "venue"
    sockets = Sockets()
    book_store = DurableBookStore(folder / "book.db")
    try:
        journal = DurableJournal(folder / "journal.db", new_id=uuid.uuid4().hex, account=settings.account)
        try:
            if journal.entry_count and book_store.load().is_empty:
                raise StartError(
                    f"{folder}: journal.db has {journal.entry_count} orders and book.db is new; "
                    "expected both files of one account, or neither"
                )
            gateway = simulated_gateway(
                stream=stream,
                stream_id=settings.mt5_stream_id or f"ticks-{stream.data_sha256[:STREAM_ID_HASH_CHARS]}",
                journal=journal,
                book_store=book_store,
                boot_id=uuid.uuid4().hex,
                deposit=settings.mt5_balance,
                currency=settings.mt5_currency,
                pace=settings.pace,
                symbol_map=settings.mt5_symbol_map,
            )
            shell = GatewayShell(
                gateway, sockets, request_url=settings.mt5_request_url, publish_url=settings.mt5_publish_url
            )
            metrics.start(settings.metrics_port_mt5, settings.metrics_host)
            logs.get_logger().info(
                "the simulated market is open; nothing here is a real order",
                requests=shell.request_url,
                ticks=shell.publish_url,
                symbols=list(stream.symbols),
                tick_count=stream.last_ordinal,
                rejected=stream.counts.rejected,
                book_ordinal=gateway.venue.ordinal,
            )
            shell.run()
            gateway.venue.checkpoint()
        except VenueSetupError as error:
            raise StartError(f"{error} (the account is in {folder})") from None
        finally:
            journal.close()
    finally:
        book_store.close()
        sockets.close()


if __name__ == "__main__":
    main(run)
