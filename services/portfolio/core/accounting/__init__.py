"""Valuation, costs, round trips and invariants, computed from the book without changing it."""
