"""Simulation tests: the whole desk in one process, under seeded faults and a simulated clock."""
