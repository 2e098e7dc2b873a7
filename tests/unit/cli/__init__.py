"""The command line: options, refusals and their texts."""
