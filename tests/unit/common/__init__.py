"""The modules that every process shares."""
