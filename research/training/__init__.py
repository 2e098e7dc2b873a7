"""Training: labels, a model from recorded ticks, its calibration, and its edge after costs."""
