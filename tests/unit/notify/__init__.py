"""Tests of the notify process."""
