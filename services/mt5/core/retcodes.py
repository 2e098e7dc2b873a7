"""MetaTrader's answers to a trade request, by their official numbers."""

from __future__ import annotations

from typing import Final

REJECT: Final = 10006
"""Refused by the broker."""

CANCEL: Final = 10007
"""Canceled by the client."""

PLACED: Final = 10008
"""Taken; not executed yet."""

DONE: Final = 10009
"""Executed whole."""

INVALID: Final = 10013
"""No valid request."""

INVALID_VOLUME: Final = 10014
"""A volume outside the terms."""

NO_QUOTES: Final = 10021
"""No quotes to execute at."""
