"""The durable ledger: events in a hash chain, projections, signature, search and backup."""
