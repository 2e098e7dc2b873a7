"""Ticks as streams, models and files. Imports no service; all but `files` is pure, so that cores may use it."""
