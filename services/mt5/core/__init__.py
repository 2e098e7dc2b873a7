"""The gateway's decisions: ports, the gateway over any venue, the simulated venue, and what joins them."""
