"""Import of the MetaTrader5 package, which only runs on Windows or under Wine."""

from __future__ import annotations

from typing import cast

from common.errors import StartError
from services.mt5.terminal.mt5_types import Mt5Api, PublishedMt5Api


def load_mt5_package() -> Mt5Api:
    """Import the installed MetaTrader5 package.

    Raises:
        StartError: the package is not installed.
    """
    # The import is here so that a missing package ends the start with one line instead of a traceback.
    try:
        import MetaTrader5
    except ImportError:
        raise StartError(
            "--venue terminal: the MetaTrader5 package is not installed, expected a Python for Windows with it; "
            "the package only runs on Windows or under Wine (docs/terminal.md)"
        ) from None
    published: PublishedMt5Api = MetaTrader5
    # The published type stubs declare only a part of the functions that MetaQuotes documents.
    return cast(Mt5Api, published)
