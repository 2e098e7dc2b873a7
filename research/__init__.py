"""The cores composed offline: recorded ticks in, backtests and reports out, without processes and sockets."""
