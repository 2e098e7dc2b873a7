"""Tests of the account: orders, positions, protections and cash."""
