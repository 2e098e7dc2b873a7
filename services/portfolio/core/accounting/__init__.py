"""Valuation, costs, round trips and invariants of the book, which stays unchanged."""
