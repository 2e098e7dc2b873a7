"""The simulated venue, which implements the ports: book, matching, margin, swap, sessions, latency and faults."""
