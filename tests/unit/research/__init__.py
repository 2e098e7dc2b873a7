"""Tests of backtests, reports, exports and training."""
