"""Sizing methods. Each file has one method as a function `raw_size(sizing, inputs) -> RawSize | NoTrade`."""
