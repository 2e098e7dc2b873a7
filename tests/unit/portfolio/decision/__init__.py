"""Tests of the desk's decisions: entries, exits, manual orders, trading state."""
