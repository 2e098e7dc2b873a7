"""One suite per contract that every implementation of it must pass."""
