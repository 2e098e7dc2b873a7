"""Verification over the wire and under faults: a conformance suite for venues, and chaos runs judged by an oracle."""
