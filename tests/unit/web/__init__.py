"""Tests of the web process: its state, its read model, its API and its sign-in, without other processes."""
