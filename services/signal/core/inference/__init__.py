"""Inference: a gradient-boosted model flattened into a forest, and the compiled walk over it."""
