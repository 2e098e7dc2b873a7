"""The trading logic of the desk's portfolio, without a socket, a clock or a file."""
