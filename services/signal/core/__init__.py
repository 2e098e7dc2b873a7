"""What the signal process decides: ticks in, one signal for each of them out. Nothing here talks to anybody."""
