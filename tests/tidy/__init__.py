"""Rules for the files of this checkout, checked by tests."""
