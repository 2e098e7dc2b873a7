"""Views and explanations."""
