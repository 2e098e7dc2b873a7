"""Decisions of the desk: entries, exits, manual orders, trading state."""
