"""The MetaTrader 5 gateway: it publishes ticks, sends orders to a venue, and keeps a journal against double execution.

`core/` has the logic and the simulated venue, without sockets and files. `shell.py` has the sockets, `stores/` the
files, and `terminal/` the venue behind a real MetaTrader 5 terminal.
"""
