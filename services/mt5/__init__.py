"""The MetaTrader 5 gateway: ticks to subscribe to, a venue to send orders to, and a journal against double execution.

`core/` decides and uses neither sockets nor files; `shell.py` has the sockets; `stores/` are the files; `terminal/` is
the venue behind a real MetaTrader 5 terminal.
"""
