"""The conformance suite over the wire, against both venues."""
