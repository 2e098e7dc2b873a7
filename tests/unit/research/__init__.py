"""What happens offline: ticks in, backtest and reports out."""
