"""Random backtests of every feature, by seed, and the comparison of two engines byte by byte.

`ENGINE_SEEDS=20000` runs that many seeds, `ENGINE_SEEDS=7,8` those two, and by `python -m tests.property.engines 7` a
failing seed becomes a small one.
"""
