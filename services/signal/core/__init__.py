"""What the signal process decides: ticks in, one signal for each of them out. No sockets, files or clock."""
