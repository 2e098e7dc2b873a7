"""Accounting over the account: valuation at the marks, costs, round trips and invariants. Reads, and changes nothing."""
