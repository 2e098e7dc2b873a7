"""The portfolio's side of the gateway, as tasks: session, lease, orders, deals, instruments, reconciliation."""
