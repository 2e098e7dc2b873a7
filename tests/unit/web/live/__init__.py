"""Tests of the cells and of flow control."""
