"""Tests of the screen of a running desk: keys, state, and each page as text."""
