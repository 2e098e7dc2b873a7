"""Decisions of notify, without I/O: which message goes to which target, and when."""
