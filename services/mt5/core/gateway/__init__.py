"""The gateway over any venue: orders by id, modifications, queries, lease, journal, and published ticks."""
