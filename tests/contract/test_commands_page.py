"""docs/commands.md names each command that queries or controls a desk, and each export's columns in their order."""

import re

import pytest

from cli.commands import COMMANDS
from common.project_root import PROJECT_ROOT
from research.export import COLUMNS
from tests.support.commands import every_command

PAGE = (PROJECT_ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("what", COLUMNS)
def test_the_columns_of_an_export_are_on_the_page_in_their_order(what: str) -> None:
    columns = ", ".join(f"`{name}`" for name in COLUMNS[what].__struct_fields__)
    section = next(part for part in re.split(r"\n\n", PAGE) if part.startswith(f"`{what}`"))
    assert columns in " ".join(section.split())


def test_every_command_that_queries_or_controls_a_desk_is_on_the_page() -> None:
    listed = {entry.name for heading in ("Query a desk", "Control a running desk") for entry in COMMANDS[heading]}
    known = {words[-1] for words in every_command() if words[0] in listed}
    named = set(re.findall(r"[a-z-]+", " ".join(re.findall(r"`[^`]+`", PAGE.partition("## Which desk")[0]))))
    assert len(known) > 15
    assert sorted(known - named) == []
