"""The rules file of `paperdesk run`: from the option, or else the setting, with the addresses that its targets use."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.alarm_options import require_alarms
from common.errors import StartError
from common.project_root import ENV_FILE_VARIABLE

RULES = """
[targets.mail]
url_env = "NOTIFY_URL_MAIL"
[targets.hook]
url_file = "hook.url"
[[rules]]
name = "all"
events = ["*"]
targets = ["mail"]
symbols = ["EURUSD"]
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".env").write_text("NOTIFY_URL_MAIL=json://mail.test/\nNOTIFY_URL_OTHER=json://other.test/\n")
    monkeypatch.setenv(ENV_FILE_VARIABLE, str(tmp_path / ".env"))
    (tmp_path / "hook.url").touch(mode=0o600)
    (tmp_path / "hook.url").write_text("json://hook.test/")
    (tmp_path / "notify.toml").write_text(RULES)
    return tmp_path / "notify.toml"


def test_only_the_variables_that_targets_use_reach_the_processes(rules: Path) -> None:
    settings: dict[str, str] = {}
    assert require_alarms(settings, rules, ("EURUSD",)) == {"NOTIFY_URL_MAIL": "json://mail.test/"}
    assert settings == {"NOTIFY_FILE": str(rules)}


def test_the_setting_applies_without_the_option(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_FILE", str(rules))
    settings = {"NOTIFY_FILE": "as written"}
    assert require_alarms(settings, None, ("EURUSD",)).keys() == {"NOTIFY_URL_MAIL"}
    assert settings == {"NOTIFY_FILE": str(rules)}


def test_without_a_file_no_alarms_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_FILE_VARIABLE, "")
    monkeypatch.delenv("NOTIFY_FILE", raising=False)
    settings = {"NOTIFY_FILE": ""}
    assert require_alarms(settings, None, ("EURUSD",)) == {}
    assert settings == {}


def test_a_symbol_that_the_desk_does_not_have_is_refused(rules: Path) -> None:
    with pytest.raises(StartError, match="'EURUSD', expected symbols out of GBPUSD"):
        require_alarms({}, rules, ("GBPUSD",))


def test_a_missing_address_is_refused(rules: Path) -> None:
    (rules.parent / "hook.url").unlink()
    with pytest.raises(StartError, match=r"hook\.url cannot be read"):
        require_alarms({}, rules, ("EURUSD",))
