"""Training: labels, a model from recorded ticks, its calibration, and what it would have earned."""
