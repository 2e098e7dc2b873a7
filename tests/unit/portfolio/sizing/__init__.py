"""Position sizing: the methods, compared with numbers computed by hand, and the estimate of volatility."""
