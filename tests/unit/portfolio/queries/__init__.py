"""Views, conditions and explanations."""
