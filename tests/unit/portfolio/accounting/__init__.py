"""Valuation, costs, round trips and invariants."""
