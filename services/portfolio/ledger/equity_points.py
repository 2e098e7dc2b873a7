"""The table of equity points in the ledger."""

from __future__ import annotations

from typing import Final

EQUITY_TABLE: Final = """
CREATE TABLE equity_points (time_ns INTEGER PRIMARY KEY, ordinal INTEGER NOT NULL, balance TEXT NOT NULL,
  equity TEXT NOT NULL, margin TEXT, checksum INTEGER NOT NULL) STRICT;
"""
