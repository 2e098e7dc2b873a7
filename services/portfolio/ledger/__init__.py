"""The durable ledger: events in a hash chain, projections of the events, signature, search and backup."""
