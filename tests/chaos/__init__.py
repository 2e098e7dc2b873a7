"""Tests of the chaos runs: the comparison of books, the proxy, the faults, and a short run."""
