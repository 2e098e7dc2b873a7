"""Trading plans: size, entry and exits of positions, and warnings about them."""
