"""What a running portfolio knows beside the account: its configuration, its state, whether it leads the account, and its latencies."""
