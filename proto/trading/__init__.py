"""Trading terms and arithmetic that both sides of the wire share: units, instruments, money, cost basis, stops, broker time."""
