"""The account as the fold of its events: orders, positions, protections, cash and where it stands in its stream."""
