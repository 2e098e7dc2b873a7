"""Tests of power cuts: files are rebuilt from recorded writes, with unsynced writes dropped, torn or reordered."""
