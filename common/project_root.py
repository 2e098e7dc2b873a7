"""The checkout's folder, the default data directory, and paths of settings.

Apart from the settings, so that a command that needs only these starts without pydantic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROJECT_ROOT: Final = Path(__file__).resolve().parents[1]
DEFAULT_DATA_DIR: Final = PROJECT_ROOT / "var" / "data"

ENV_FILE_VARIABLE: Final = "PAPERDESK_ENV_FILE"
"""Environment variable with the file of settings to read in place of the checkout's `.env`; empty for none."""


def expanded(path: str | Path) -> Path:
    """The path with `~` replaced by the user's home.

    Raises:
        ValueError: the home is unknown.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError("a path without ~: that home is not known here") from None
