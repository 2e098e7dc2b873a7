"""Interfaces of a venue's account and terminal, the records they share, MetaTrader's retcodes and magic numbers."""
