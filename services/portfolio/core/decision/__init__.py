"""Decisions: what a tick, a signal or a person's command makes of the account, as events. Sends nothing."""
