"""The MetaTrader 5 gateway: a market to listen to, a broker to send orders to, and a journal so that no order runs twice.

`core/` decides and knows neither sockets nor files; `shell.py` has the sockets; `stores/` remember; `terminal/` is the real thing.
"""
