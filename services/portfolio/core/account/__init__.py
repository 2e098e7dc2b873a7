"""The account as computed from the ledger's events, and the progress through the stream."""
