"""The durable ledger: events in a hash chain, projections beside them, and what proves, searches and backs them up."""
