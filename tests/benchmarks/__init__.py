"""Benchmarks of the desk, as ratios to a lower bound or to another library measured in the same run.

Ratios vary less between runs than times do.
"""
