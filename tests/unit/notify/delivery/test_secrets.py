"""Addresses of targets come from a file that only its owner can read, or from a variable; no error shows one."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import StartError
from common.settings import CommonSettings, describe, load, secret_names
from services.notify.delivery.secrets import SecretSource, read_secret

ADDRESS = "json://joe:hunter2@host.test/e3b0c44298fc"


def a_file(folder: Path, text: str, mode: int = 0o600) -> SecretSource:
    path = folder / "phone.url"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return SecretSource(file=path)


@pytest.mark.parametrize("text", [ADDRESS, f"{ADDRESS}\n", f"\n  {ADDRESS}  \n\n"])
def test_a_file_has_one_address(tmp_path: Path, text: str) -> None:
    assert read_secret(a_file(tmp_path, text)) == ADDRESS


@pytest.mark.parametrize(
    ("text", "mode", "refusal"),
    [
        (ADDRESS, 0o640, "has mode 0640, expected a file that only its owner can read: chmod 600"),
        (ADDRESS, 0o604, "has mode 0604"),
        ("", 0o600, "has 0 lines of text, expected one line"),
        (f"{ADDRESS}\n{ADDRESS}", 0o600, "has 2 lines of text"),
        (f"{ADDRESS} {ADDRESS}", 0o600, "expected one line with one address"),
        (f"{ADDRESS}{'x' * 4_096}", 0o600, "of at most 4096 characters"),
    ],
)
def test_another_file_is_refused_without_its_content(tmp_path: Path, text: str, mode: int, refusal: str) -> None:
    with pytest.raises(StartError, match=refusal) as error:
        read_secret(a_file(tmp_path, text, mode))
    assert "hunter2" not in str(error.value)
    assert str(tmp_path / "phone.url") in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"none\.url cannot be read: No such file or directory"):
        read_secret(SecretSource(file=tmp_path / "none.url"))


def test_a_variable_of_the_environment_comes_before_the_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(f"NOTIFY_URL_MAIL={ADDRESS}\nNOTIFY_URL_PHONE={ADDRESS}\n", encoding="utf-8")
    monkeypatch.setenv("PAPERDESK_ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setenv("NOTIFY_URL_MAIL", "json://other.test/")
    assert read_secret(SecretSource(variable="NOTIFY_URL_MAIL")) == "json://other.test/"
    assert read_secret(SecretSource(variable="NOTIFY_URL_PHONE")) == ADDRESS
    assert {"NOTIFY_URL_MAIL", "NOTIFY_URL_PHONE"} <= secret_names()


@pytest.mark.parametrize("name", ["NOTIFY_URL_NONE", "NOTIFY_URL_", "HOME"])
def test_a_variable_that_is_not_set_or_named_otherwise_is_refused(name: str) -> None:
    with pytest.raises(StartError, match=name):
        read_secret(SecretSource(variable=name))


def test_an_address_in_the_env_file_is_no_unknown_key_and_no_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(f"NOTIFY_URL_MAIL={ADDRESS}\nLOG_LEVEL=DEBUG\n", encoding="utf-8")
    monkeypatch.setenv("PAPERDESK_ENV_FILE", str(tmp_path / ".env"))
    rows = describe(load(CommonSettings))
    assert ("LOG_LEVEL", "DEBUG", ".env") in rows
    assert "hunter2" not in str(rows)
    (tmp_path / ".env").write_text("NOTIFY_URLS=x\n", encoding="utf-8")
    with pytest.raises(StartError, match="NOTIFY_URLS: unknown key"):
        load(CommonSettings)
