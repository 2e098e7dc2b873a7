"""Properties that hold for any input, tested by hypothesis with fixed seeds."""
