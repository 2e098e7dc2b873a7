"""A real MetaTrader 5 terminal as the gateway's venue.

`mt5_types` declares the functions and rows of the MetaTrader5 package that the desk uses. One thread
(`terminal_thread`) calls the package and periodically reads a snapshot of the terminal (`terminal_snapshot`).
`account_mirror` keeps all orders and deals that the terminal has shown. `terminal_client` and `terminal_account`
implement the gateway's ports, and `terminal_market` has the ticks. Only `mt5_package` imports the package, and only
when its function is called.
"""
