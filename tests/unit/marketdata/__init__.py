"""Tests of ticks: instruments, streams, row validation and the generated market."""
