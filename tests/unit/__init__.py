"""One piece at a time, no process and no waiting."""
