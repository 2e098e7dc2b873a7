"""Tests of the shown state and of its flow control."""
