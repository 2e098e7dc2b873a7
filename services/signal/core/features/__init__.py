"""Features of a model: their schema, and the kernel that computes them from ticks."""
