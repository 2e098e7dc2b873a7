"""Training of a model on recorded ticks: labels, calibration, and the profit of its signals after costs."""
