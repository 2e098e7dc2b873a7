"""State of the running desk: its owners, and its configuration.

Each owner is the only writer of its attributes: `account.py` has the book and the events that are not yet durable,
`stream.py` progress and clock, `lease.py` the leadership of the account, `warnings.py` what people are warned of.
`portfolio_state.py` holds them together; `persisted.py` is what the ledger keeps with a commit. Latencies are
measurements beside them.
"""
