"""The portfolio's side of the gateway: session, lease, orders, deals, instruments and reconciliation, as tasks that ask and go on with the reply."""
