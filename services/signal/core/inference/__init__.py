"""Inference: a gradient-boosted model as arrays (`Forest`), and the compiled kernels that evaluate it."""
