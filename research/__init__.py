"""The cores composed offline: recorded ticks in, backtest and reports out, with no process and no socket."""
