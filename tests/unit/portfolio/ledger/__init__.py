"""The ledger, tested with files on disk."""
