"""What the gateway asks of any venue: a terminal, an account, their records, and MetaTrader's codes and numbers."""
