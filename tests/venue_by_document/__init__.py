"""A second venue, written only from the documentation, and its comparison with the simulated venue."""
