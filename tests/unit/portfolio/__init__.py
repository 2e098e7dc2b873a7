"""The portfolio process: its rules, its core, its ledger, and its use as a library."""
