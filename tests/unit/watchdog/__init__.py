"""The parts of the watchdog."""
