"""Backtests of recorded ticks in one process without sockets, reports, exports, and the training of models."""
