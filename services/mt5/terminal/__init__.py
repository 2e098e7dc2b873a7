"""A real MetaTrader 5 terminal as the gateway's venue.

`mt5_types` is what of the MetaTrader5 package is used. One thread owns it (`terminal_thread`) and looks at the terminal
again and again (`terminal_snapshot`); `account_mirror` folds what it reads into what the terminal has shown. `terminal_client` and
`terminal_account` are the two sides that the gateway knows of a venue, `terminal_market` its ticks. Nothing here imports
the package but `mt5_package`, and that only when it is asked to.
"""
