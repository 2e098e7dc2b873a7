"""Codes that every venue answers with."""
