"""Chaos runs: inject faults into a running desk, and find lost and doubled orders in its files."""
