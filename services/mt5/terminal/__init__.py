"""A real MetaTrader 5 terminal as the gateway's venue.

`mt5_types` has the functions and rows of the MetaTrader5 package in use. One thread calls it (`terminal_thread`) and
takes a snapshot of the terminal periodically (`terminal_snapshot`); `account_mirror` keeps everything that the terminal
has shown. `terminal_client` and `terminal_account` implement the gateway's ports, `terminal_market` has the ticks. Only
`mt5_package` imports the package, and only when it is called.
"""
