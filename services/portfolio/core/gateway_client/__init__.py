"""Tasks that send portfolio's requests to the gateway: session, lease, orders, deals, terms, reconciliation."""
