"""The execution process and its facade over real sockets."""
