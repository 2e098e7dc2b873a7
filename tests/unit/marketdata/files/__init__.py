"""Tests of tick files: layouts, blocks, conversion and description."""
