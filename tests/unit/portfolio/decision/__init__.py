"""Decisions of the desk: entries, exits, orders by hand, trading state."""
