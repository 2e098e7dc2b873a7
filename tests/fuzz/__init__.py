"""Arbitrary bytes at every decoder and every socket; `make fuzz FRAMES=10000000` for many."""
