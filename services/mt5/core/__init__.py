"""The gateway without sockets and files: a venue's ports, the gateway that uses them, and the simulated venue."""
