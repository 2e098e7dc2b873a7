"""The trading logic of the desk's portfolio; it uses no socket, no clock and no file."""
