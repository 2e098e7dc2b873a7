"""Tests of the signal process over real sockets and files."""
