"""Training, from labels to a model's folder."""
