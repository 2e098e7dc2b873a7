"""Policy for orders and positions on the account that this desk did not make."""

from __future__ import annotations

from enum import StrEnum


class ForeignOrderPolicy(StrEnum):
    """Policy of a live desk for foreign orders; `foreign_orders.py` implements it."""

    HALT = "halt"
    ADOPT = "adopt"
    IGNORE = "ignore"
