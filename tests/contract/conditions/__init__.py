"""Conditions of the desk: each is brought about by its cause and looked for on every surface."""
