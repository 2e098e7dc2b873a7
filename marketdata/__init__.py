"""Ticks as streams, as models and as files. Knows no service; all but `files` is pure, so that cores may use it."""
