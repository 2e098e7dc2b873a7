"""A real MetaTrader 5 terminal as the gateway's venue.

`api` is what of the MetaTrader5 package is used. One thread owns it (`caller`); what it reads comes back as looks, which the
`mirror` folds into what the terminal has shown. `link` and `broker` are the two sides that the gateway knows of a venue, `market`
its ticks. Nothing here imports the package but `package`, and that only when it is asked to.
"""
