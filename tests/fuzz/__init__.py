"""Fuzzing: arbitrary bytes are sent to every decoder and every socket; `make fuzz FRAMES=10000000` sends many."""
