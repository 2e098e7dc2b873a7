"""Tests of files of instruments."""
