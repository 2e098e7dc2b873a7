"""Tests of the verification itself: the oracle, the proxy, the faults, and a short chaos run."""
