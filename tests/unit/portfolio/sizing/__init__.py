"""How many lots an order opens: the methods by hand-worked numbers, the estimate of volatility, and their inputs."""
