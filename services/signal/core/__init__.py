"""The signal process without sockets, files or clock: ticks in, one signal for each of them out."""
