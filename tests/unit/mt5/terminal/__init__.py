"""The real terminal's adapter, against a scripted fake of the MetaTrader5 package."""
