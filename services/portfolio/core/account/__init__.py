"""The account as the fold of its events, and progress through the stream."""
