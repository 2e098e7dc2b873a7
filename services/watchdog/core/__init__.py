"""Decisions of the watchdog, without processes, files or a clock."""
