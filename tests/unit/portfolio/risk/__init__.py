"""The risk rules, each by itself."""
