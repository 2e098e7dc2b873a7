"""Tests of valuation, costs, round trips and invariants."""
