"""Sources of the shown state: portfolio, processes, strategies and markets."""
