"""Proofs over the wire and by force: a conformance suite for venues, and chaos runs judged by an oracle."""
