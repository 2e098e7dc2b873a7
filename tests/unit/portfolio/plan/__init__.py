"""Trading plans: their warnings, and desks that trade by a plan."""
