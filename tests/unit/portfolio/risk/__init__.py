"""The risk ladder, a rule at a time."""
