"""What the watchdog decides, without a process, a file or a clock."""
