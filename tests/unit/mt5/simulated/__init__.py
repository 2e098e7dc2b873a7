"""The simulated broker's dealing: order by order, tick by tick."""
