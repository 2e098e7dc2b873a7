"""Tests of the conformance suite over the wire, against both venues."""
