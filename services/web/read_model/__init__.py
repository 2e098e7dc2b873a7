"""An index of the ledger's events for filtered, sorted and paged queries."""
