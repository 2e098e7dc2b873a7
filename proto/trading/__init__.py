"""Trading terms and arithmetic of both sides of the wire: units, instruments, money, cost basis, stops, server time."""
