"""The sizing methods, one a file, in one shape: `wanted(plan, given) -> Wanted | NoTrade`."""
