"""Files of instruments."""
