"""Tests of the proofs themselves: an oracle that finds, a proxy that disturbs, and a short chaos run."""
