"""What a venue has to provide: an account, a terminal, and their records; with MetaTrader's codes and numbers."""
