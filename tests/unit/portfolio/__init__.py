"""The portfolio: its rules, its core, its ledger, and the library in front of them."""
