"""Sizing methods, one a file: `raw_size(sizing, inputs) -> RawSize | NoTrade`."""
