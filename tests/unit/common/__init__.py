"""Tests of the modules that every process uses."""
