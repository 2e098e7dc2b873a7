"""Conditions of the desk: each is produced by its cause and checked on every surface."""
