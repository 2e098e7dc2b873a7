"""Parts of the event-driven backtest: signals of many ticks, and the walk over ticks without a consequence."""
