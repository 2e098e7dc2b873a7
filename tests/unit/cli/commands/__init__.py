"""Tests of single commands, which run as from a shell."""
