"""Tests of commands that run in their own processes, with real files and pipes."""
