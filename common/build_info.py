"""Which paperdesk this is, and what it runs on."""

from __future__ import annotations

import os
import platform
import tomllib
from typing import Final, NamedTuple

from common.project_root import PROJECT_ROOT

REVISION_VARIABLE: Final = "PAPERDESK_REVISION"
"""Set in an image to the commit that it was built from."""


class BuildInfo(NamedTuple):
    """The version of the package; the revision where it is known, or nothing; Python's version; the machine."""

    version: str
    revision: str
    python: str
    platform: str


def build_info() -> BuildInfo:
    """What runs here, by the checkout or the image: neither needs the package's metadata to be installed."""
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    revision = os.environ.get(REVISION_VARIABLE, "")
    return BuildInfo(project["version"], revision, platform.python_version(), platform.machine())
