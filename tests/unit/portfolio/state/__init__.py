"""The state of a running portfolio process."""
