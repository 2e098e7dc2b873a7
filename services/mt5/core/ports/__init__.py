"""What the gateway asks of any venue: a terminal, the venue itself, their records, and MetaTrader's codes and numbers."""
