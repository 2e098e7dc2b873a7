"""Tests of training, from labels to a model's folder."""
