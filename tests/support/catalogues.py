"""Catalogues of instruments in which a test replaces terms."""

from __future__ import annotations

from pathlib import Path

from marketdata.instrument_files.loader import FileCatalogue, load_instruments
from marketdata.instrument_files.writer import instruments_text
from proto.trading.instrument import Instrument


def a_catalogue(folder: Path, *instruments: Instrument) -> FileCatalogue:
    """The simulated broker's catalogue, in which these terms replace the broker's."""
    path = folder / "instruments.toml"
    path.write_text(instruments_text(instruments, "terms of a test"), encoding="utf-8")
    return load_instruments(str(path))
