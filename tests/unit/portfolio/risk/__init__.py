"""The risk rules, a rule at a time."""
