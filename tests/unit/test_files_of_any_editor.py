"""Every file that people write is read in each encoding that editors save, or refused with the encoding's name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from common.errors import StartError
from common.project_root import PROJECT_ROOT
from common.settings import CommonSettings, load
from marketdata.files.stream_loader import load_stream
from marketdata.files.tick_input import TickInput
from services.mt5.fill_profiles import load_fill_profile
from services.mt5.terminal.account_policy import is_real_allowed
from services.portfolio.config_files.limits_file import load_limits
from services.portfolio.config_files.news_calendar import read_calendar
from services.portfolio.config_files.plan_file import load_plan
from services.signal.model.manifest import read_manifest
from tests.support.encodings import ENCODINGS, encoded, without_mark

TOKEN = "I trade with real money and know it"


class Kind(NamedTuple):
    """A kind of file: its name, its content, and the function that reads it from a path."""

    file: str
    text: str
    read: Callable[[Path], object]


def weights_of(path: Path) -> object:
    plan = path.with_name("plan.toml")
    plan.write_text(f'[sizing]\nmethod = "weights"\nweights_file = "{path.name}"\n', encoding="utf-8")
    return load_plan(str(plan))


def settings_of(path: Path) -> object:
    os.environ["PAPERDESK_ENV_FILE"] = str(path)
    return load(CommonSettings)


def ticks_of(path: Path) -> object:
    stream = load_stream([TickInput(path, "EURUSD")], crossed="reject")
    return stream.data_sha256


MANIFEST = (PROJECT_ROOT / "models" / "demo" / "manifest.json").read_text(encoding="utf-8")
KINDS = (
    Kind("plan.toml", "# Zürich\n[exits]\nstop_loss_points = 30\n", lambda path: load_plan(str(path))),
    Kind("limits.toml", "# Zürich\norders_per_day_max = 7\n", lambda path: load_limits(str(path))),
    Kind("fills.toml", '# Zürich\nlike = "realistic"\ncharges = false\n', lambda path: load_fill_profile(str(path))),
    Kind("weights.json", '{"EURUSD": 40,\n "XAUUSD": 10}\n', weights_of),
    Kind("news.csv", "time,currency,impact,title\n2026-01-09T13:30:00Z,USD,high,Jobs in Zürich\n", read_calendar),
    Kind("manifest.json", MANIFEST, lambda path: read_manifest(path.parent)),
    Kind("desk.env", "# Zürich\nGTW_HOST=10.0.0.1\nGTW_PORT=6001\n", settings_of),
    Kind("token", f"{TOKEN}\n", lambda path: is_real_allowed(allow=True, token=TOKEN, token_file=path)),
    Kind("ticks.csv", "time,bid,ask\n1398902401.128,1.38726,1.38728\n1398902402,1.38727,1.38729\n", ticks_of),
)
EACH_KIND = pytest.mark.parametrize("kind", KINDS, ids=[kind.file for kind in KINDS])


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPERDESK_ENV_FILE", "")
    monkeypatch.delenv("GTW_HOST", raising=False)
    monkeypatch.delenv("GTW_PORT", raising=False)


def written(folder: Path, kind: Kind, data: bytes) -> Path:
    path = folder / kind.file
    path.write_bytes(data)
    return path


@EACH_KIND
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CR LF"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_and_line_ends_change_nothing(tmp_path: Path, kind: Kind, encoding: str, end: str) -> None:
    expected = kind.read(written(tmp_path, kind, kind.text.encode()))
    data = encoded(kind.text.replace("\n", end), encoding)
    assert kind.read(written(tmp_path, kind, data)) == expected


@EACH_KIND
def test_utf_16_without_a_byte_order_mark_is_refused_in_one_line_with_the_files_name(
    tmp_path: Path, kind: Kind
) -> None:
    path = written(tmp_path, kind, without_mark(kind.text))
    with pytest.raises(StartError, match="UTF-16 without a byte-order mark") as caught:
        kind.read(path)
    assert kind.file in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
