"""Recorded tick files of all known layouts: reading into tick streams, statistics, and conversion to Parquet.

The layout of a file is recognized by its content (`source`, `headerless_layouts`, `header_layouts`, `parquet`).
`marketdata.tick_validation` decides which rows become ticks. Files are read in chunks, and the rows of large files are
moved to a temporary file, so that memory use does not grow with the size of the files.
"""
