"""Interfaces of a venue (account, terminal) and their records, with MetaTrader's codes and numbers."""
