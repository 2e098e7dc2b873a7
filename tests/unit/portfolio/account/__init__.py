"""The account: orders, positions, protections and cash."""
