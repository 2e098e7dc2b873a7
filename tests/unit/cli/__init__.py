"""Tests of the command line: options, refusals and their texts."""
