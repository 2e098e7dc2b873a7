"""The simulated venue: a broker with a book, matching, margin, swap, sessions, latency and faults, behind the ports."""
