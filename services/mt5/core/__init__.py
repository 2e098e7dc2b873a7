"""The gateway without sockets or files: the ports of a venue, the gateway over them, and the simulated venue."""
