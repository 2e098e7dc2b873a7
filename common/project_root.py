"""Where the checkout is, and paths of settings; apart from the settings, so that a command which needs the folder alone starts without pydantic."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROJECT_ROOT: Final = Path(__file__).resolve().parents[1]


def expanded(path: str | Path) -> Path:
    """The path with its `~` replaced by the user's home.

    Raises:
        ValueError: that home is not known, as where neither HOME nor an entry of the user is there.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError("a path without ~: that home is not known here") from None
