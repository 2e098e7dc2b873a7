"""How fast the desk is, as ratios against a floor or a peer of the same run: machines are noisy, ratios less so."""
