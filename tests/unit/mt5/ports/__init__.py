"""Tests of the venue's ports: MetaTrader's retcodes."""
