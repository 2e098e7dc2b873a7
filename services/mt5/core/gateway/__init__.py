"""The gateway for any venue: orders by id, modifications, queries, lease, journal, and published ticks."""
