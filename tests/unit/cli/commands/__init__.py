"""Single commands, run as from a shell."""
