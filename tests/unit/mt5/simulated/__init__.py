"""Tests of the simulated broker."""
