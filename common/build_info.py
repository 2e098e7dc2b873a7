"""Version, revision, Python and machine of this process."""

from __future__ import annotations

import os
import platform
import tomllib
from typing import Final, NamedTuple

from common.project_root import PROJECT_ROOT

REVISION_VARIABLE: Final = "PAPERDESK_REVISION"
"""Set in an image to the commit that it was built from."""


class BuildInfo(NamedTuple):
    """Version of the package, revision (empty where unknown), Python's version and the machine."""

    version: str
    revision: str
    python: str
    platform: str


def build_info() -> BuildInfo:
    """Read from the checkout or the image, without the package's installed metadata."""
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    revision = os.environ.get(REVISION_VARIABLE, "")
    return BuildInfo(project["version"], revision, platform.python_version(), platform.machine())
