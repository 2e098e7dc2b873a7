"""Trading plans: how a desk enters, protects, trails and leaves a position, and what is odd about a plan."""
