"""Contract tests: one suite per contract, which every implementation must pass."""
