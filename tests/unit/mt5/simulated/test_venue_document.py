"""docs/venue.md has the settings of the realistic profile."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from common.project_root import PROJECT_ROOT
from services.mt5.core.simulated.fill_model import REALISTIC

PAGE = (PROJECT_ROOT / "docs" / "venue.md").read_text("utf-8")
ROW = re.compile(r"^\| `([a-z_.]+)` \| ([^|]+?) \|[^|]*\|$", re.MULTILINE)


def flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value).lower() if isinstance(value, bool) else str(value)


def test_the_page_shows_every_setting_of_the_realistic_profile() -> None:
    table = PAGE[PAGE.index("| setting | realistic |") : PAGE.index("**Draws.**")]
    settings = dict(flat(msgspec.to_builtins(REALISTIC)))
    del settings["name"]
    assert dict(ROW.findall(table)) == settings
