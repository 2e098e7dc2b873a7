"""A second venue written from the documents alone, and what the real one makes of the same requests."""
