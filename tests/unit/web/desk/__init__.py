"""Tests of the sources of the shown state."""
