"""The strategies that have a name of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from services.signal.core.strategies.ema_cross import EmaCross
from services.signal.core.strategy import Strategy

STRATEGIES: Final[dict[str, Callable[[], Strategy]]] = {
    "ema_cross": EmaCross,
}
"""Name in settings to what makes one."""
