"""Trading plans: size, entry and exits of positions. Warnings about plans that the venue's terms contradict."""
