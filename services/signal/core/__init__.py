"""The core of the signal process, without sockets, files or a clock: it makes one signal for each tick."""
