"""The core of the watchdog, which decides without access to processes, files or a clock."""
