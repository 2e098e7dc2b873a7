"""Tests of single commands, which are called with the arguments of a shell."""
