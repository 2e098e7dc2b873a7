"""The gateway over any venue: orders by id, modifications, queries, the lease, the journal, and published ticks."""
