"""What must hold for any input, searched by hypothesis with fixed seeds."""
