"""Tests of the notify process over real sockets and files."""
