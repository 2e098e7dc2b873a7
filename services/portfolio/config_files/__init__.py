"""Files that people write for portfolio: plans, limits and news calendars, checked before the start."""
