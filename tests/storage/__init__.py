"""What a power cut leaves: files rebuilt from recorded writes, with all that was not synced dropped, torn or reordered."""
