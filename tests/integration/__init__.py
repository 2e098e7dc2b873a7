"""Integration tests: a few components with real sockets and files."""
