"""Contracts of every store, and of the gateway over its real sockets."""
