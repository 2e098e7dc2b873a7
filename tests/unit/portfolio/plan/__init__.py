"""Plans, on a desk that follows them."""
