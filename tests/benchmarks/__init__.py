"""Benchmarks of the desk, as ratios to a floor or a peer of the same run: machines are noisy, ratios less so."""
