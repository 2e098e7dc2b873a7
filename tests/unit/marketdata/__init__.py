"""Ticks: instruments, streams, row checks and the generated market."""
