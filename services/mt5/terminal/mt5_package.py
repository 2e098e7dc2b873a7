"""Import of the MetaTrader5 package, which exists for Windows only."""

from __future__ import annotations

from typing import cast

from common.errors import StartError
from services.mt5.terminal.mt5_types import Mt5Api, PublishedMt5Api


def load_mt5_package() -> Mt5Api:
    """The installed package.

    Raises:
        StartError: it is not installed.
    """
    # Imported here: where the package is missing, the gateway has to refuse the start with one line.
    try:
        import MetaTrader5
    except ImportError:
        raise StartError(
            "--venue terminal: the MetaTrader5 package is not installed, expected a Python for Windows with it: the package "
            "runs on Windows, or under Wine, and nowhere else (docs/terminal.md)"
        ) from None
    published: PublishedMt5Api = MetaTrader5
    # The published stubs have only a part of the package that MetaQuotes documents.
    return cast(Mt5Api, published)
