"""Tests of the sources of the cells."""
