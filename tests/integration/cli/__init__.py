"""Tests of commands as processes of their own, with files and readers."""
