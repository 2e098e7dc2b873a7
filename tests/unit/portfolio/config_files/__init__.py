"""Tests of plan files and limits files."""
