"""The command line: what it accepts, what it refuses and in which words."""
