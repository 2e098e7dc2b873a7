"""Quotes from the gateway's ticks, and stored bars."""
