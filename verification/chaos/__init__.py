"""Faults on purpose: what is done to a running desk, and an oracle that says whether anything was lost or doubled."""
