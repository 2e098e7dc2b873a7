"""Tests that run the conformance suite over sockets, against both venues."""
