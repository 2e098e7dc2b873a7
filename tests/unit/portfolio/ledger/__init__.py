"""Tests of the ledger with files on disk."""
