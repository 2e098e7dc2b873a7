"""State of the running desk, and its configuration.

Only an owner class changes its attributes. `account.py` owns the book and the events that are not yet durable,
`stream.py` the progress and the clock, `lease.py` the leadership of the account, `warnings.py` the warnings for people.
`portfolio_state.py` combines the owners. `persisted.py` defines the state that the ledger stores with each commit.
"""
