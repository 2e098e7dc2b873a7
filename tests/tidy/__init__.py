"""The rules for the files of this checkout, as ordinary tests."""
