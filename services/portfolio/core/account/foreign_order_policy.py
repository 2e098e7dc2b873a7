"""What the desk does about orders and positions on its account that are not its own."""

from __future__ import annotations

from enum import StrEnum


class ForeignOrderPolicy(StrEnum):
    """What a live desk makes of orders on its account that are not its own; `foreign_orders.py` says how."""

    HALT = "halt"
    ADOPT = "adopt"
    IGNORE = "ignore"
