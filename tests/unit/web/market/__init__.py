"""Tests of quotes and stored bars."""
