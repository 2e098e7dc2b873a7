"""Default parameters of a training, for the specification and for the command line."""

from typing import Final

DEFAULT_HORIZON_TICKS: Final = 100
DEFAULT_DEPTH: Final = 3
"""Largest number of splits from the root of a tree to a leaf."""

DEFAULT_ROUNDS_MAX: Final = 300
"""Largest number of boosting rounds; boosting stops earlier when the loss on the validation part no longer falls."""
