"""Tick files: layouts, blocks, conversion and description."""
