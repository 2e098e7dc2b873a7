"""Contract tests: every implementation of an interface must pass the same suite."""
