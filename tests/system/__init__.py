"""The real processes, started, killed and looked at from outside."""
