"""`.env.example` has every setting of the desk, and no other name."""

import re
from pathlib import Path

import dotenv
import pytest

from common.project_root import PROJECT_ROOT
from common.settings import describe, load, setting_names, settings_models

EXAMPLE = PROJECT_ROOT / ".env.example"
SETTING = re.compile(r"#([A-Z][A-Z0-9_]*)=(.*)")


def examples() -> dict[str, str]:
    """The variables of the example, each with the shown default."""
    found = [(match[1], match[2]) for line in EXAMPLE.read_text().splitlines() if (match := SETTING.fullmatch(line))]
    assert len({name for name, _ in found}) == len(found), "a setting is listed twice"
    return dict(found)


def test_the_example_names_exactly_the_settings_of_the_desk() -> None:
    assert set(examples()) == setting_names()


def test_every_setting_of_the_shipped_example_is_commented_out() -> None:
    assert dict(dotenv.dotenv_values(EXAMPLE)) == {}


def test_each_setting_has_its_comment_right_above() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if SETTING.fullmatch(line):
            assert lines[number - 1].startswith("# "), line


def test_the_values_of_the_example_are_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every setting of the example uncommented, all settings have their defaults."""
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PAPERDESK_ENV_FILE", "")
    plain = {service: {name: value for name, value, _ in describe(load(model))} for service, model in models()}
    copy = tmp_path / ".env"
    copy.write_text("".join(f"{name}={value}\n" for name, value in examples().items()))
    monkeypatch.setenv("PAPERDESK_ENV_FILE", str(copy))
    taken_in = {service: {name: value for name, value, _ in describe(load(model))} for service, model in models()}
    assert taken_in == plain


def models() -> list[tuple[str, type]]:
    return list(settings_models().items())
