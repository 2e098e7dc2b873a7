"""The checkout's folder, and paths of settings.

Apart from the settings, so that a command that needs the folder alone starts without pydantic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROJECT_ROOT: Final = Path(__file__).resolve().parents[1]


def expanded(path: str | Path) -> Path:
    """The path with `~` replaced by the user's home.

    Raises:
        ValueError: the home is unknown.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError("a path without ~: that home is not known here") from None
