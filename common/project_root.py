"""The project's root folder, the default data directory, and expansion of paths.

This module is separate from the settings, so that a command that needs only these starts without importing pydantic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROJECT_ROOT: Final = Path(__file__).resolve().parents[1]
DEFAULT_DATA_DIR: Final = PROJECT_ROOT / "var" / "data"

ENV_FILE_VARIABLE: Final = "PAPERDESK_ENV_FILE"
"""Environment variable with the path of a settings file to read instead of `.env` in the project's root.

If the variable is empty, no settings file is read.
"""


def expanded(path: str | Path) -> Path:
    """The path with `~` replaced by the user's home.

    Raises:
        ValueError: the home folder is unknown.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError("a path without ~, because that user's home folder is unknown") from None
