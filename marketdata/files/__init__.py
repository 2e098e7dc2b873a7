"""Recorded tick files of all known layouts as tick streams, for the gateway's replay and the backtest alike.

A file's content determines its layout (`source`, `headerless_layouts`, `header_layouts`, `parquet`);
`marketdata.tick_validation` decides which rows become ticks. Files are read in chunks and spooled to disk when they are
large, so that memory use does not grow with them.
"""
