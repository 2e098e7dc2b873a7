"""What every store, and the gateway over its real sockets, has to keep to."""
