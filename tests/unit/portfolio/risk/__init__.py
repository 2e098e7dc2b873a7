"""The risk rules, their inputs and their state."""
