"""Where the checkout is; apart from the settings, so that a command which needs the folder alone starts without pydantic."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PROJECT_ROOT: Final = Path(__file__).resolve().parents[1]
