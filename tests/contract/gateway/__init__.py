"""Contract tests of the gateway's stores, and of the gateway over its sockets."""
