"""What a running portfolio knows beside the account: its configuration, its state, its lead, and its latencies."""
