"""Sources of the cells: portfolio, the ledger, processes, strategies and markets."""
