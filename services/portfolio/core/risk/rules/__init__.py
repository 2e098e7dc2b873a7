"""One rule a file. A new one is a file here and a name in `checks.py`."""
