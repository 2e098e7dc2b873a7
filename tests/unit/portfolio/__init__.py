"""Tests of the portfolio process: its rules, its core, its ledger, and its use as a library."""
