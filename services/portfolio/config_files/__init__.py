"""Files that people write for portfolio: plans, limits and news calendars, read and checked before anything starts."""
