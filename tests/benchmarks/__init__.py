"""How fast it is, measured against the limits that the documentation promises."""
