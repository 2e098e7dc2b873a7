"""Power cuts: files rebuilt from recorded writes, with all unsynced ones dropped, torn or reordered."""
