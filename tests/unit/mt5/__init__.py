"""The gateway process: start, settings and fill profiles; its packages are in the folders below."""
