"""Recorded ticks in: files of any layout known here become a tick stream, for the gateway's replay and the backtest alike.

What a file is, is told by its content (`source`, `headerless_layouts`, `header_layouts`, `parquet`); what a row has to be to become a tick is
decided in `marketdata.tick_validation`. Files are read a chunk at a time and spooled to disk when they are large, so that
the memory it takes does not grow with them.
"""

from marketdata.files.errors import TickFileError, UnknownLayoutError
from marketdata.files.stream_loader import Crossed, TickInput, load_stream

__all__ = ["Crossed", "TickFileError", "TickInput", "UnknownLayoutError", "load_stream"]
