"""Chaos runs: faults injected into a running desk, and an oracle that finds lost and doubled orders."""
