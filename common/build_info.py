"""Version and revision of the package, and the Python version and machine that run this process."""

from __future__ import annotations

import os
import platform
import tomllib
from typing import Final, NamedTuple

from common.project_root import PROJECT_ROOT

REVISION_VARIABLE: Final = "PAPERDESK_REVISION"
"""Environment variable that a container image sets to the commit from which it was built."""


class BuildInfo(NamedTuple):
    """Version of the package, revision (empty if unknown), Python version, and machine type."""

    version: str
    revision: str
    python: str
    platform: str


def build_info() -> BuildInfo:
    """Read the version from pyproject.toml and the revision from the environment."""
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    revision = os.environ.get(REVISION_VARIABLE, "")
    return BuildInfo(project["version"], revision, platform.python_version(), platform.machine())
