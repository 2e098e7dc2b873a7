"""The gateway core: tick source, simulated broker, orders and publication."""
