"""A second venue, written from the documentation only, and the comparison of both venues on the same requests."""
