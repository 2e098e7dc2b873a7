"""The folder of a desk outside the checkout: its files, what is refused before anything is written, and its check."""

from __future__ import annotations

import os
import random
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import StartError
from common.project_root import DESK_MARKER, PROJECT_ROOT
from orchestration.desk_folder import FOLDERS, FORMER_CONFIGURATION, folder_problems, make_desk, renew
from orchestration.supervisord_configuration import CONFIGURATION
from proto.control import Severity
from proto.notify import AlertPhase
from services.notify.core.codes import KNOWN
from services.notify.core.rows import AlertRow
from services.notify.rules_file import load_notify_file
from services.portfolio.config_files.limits_file import load_limits
from services.portfolio.config_files.plan_file import load_plan
from tests.support.short_folders import place

__all__ = ["place"]

FILES = {
    ".env",
    ".paperdesk",
    "README.md",
    "limits.toml",
    "notify.toml",
    "plan.toml",
    "strategy.py",
    CONFIGURATION,
}


def tree_of(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_a_new_desk_has_its_files_and_only_its_owner_can_read_them(place: Path) -> None:
    desk = make_desk(place / "a" / "b")
    assert desk == place / "a" / "b"
    assert tree_of(desk) == {**dict.fromkeys(FOLDERS, 0o700), **dict.fromkeys(FILES, 0o600)}
    assert folder_problems(desk) == []


def test_the_plan_and_the_limits_of_a_new_desk_load(place: Path) -> None:
    desk = make_desk(place / "desk")
    assert load_plan(str(desk / "plan.toml"), ("EURUSD", "GBPUSD")) is not None
    assert load_limits(str(desk / "limits.toml")).order_volume_max is not None


def test_the_rules_for_alarms_of_a_new_desk_send_every_warning_to_a_person(place: Path) -> None:
    rules = load_notify_file(make_desk(place / "desk") / "notify.toml", ("EURUSD",)).rules
    for code, severity in KNOWN.items():
        fields = {"phase": AlertPhase.BEGAN, "title": "", "text": "", "mode": "", "origin": ""}
        alert = AlertRow(number=1, time_ns=1, code=code, severity=severity, **fields)  # type: ignore[arg-type]
        assert severity is Severity.INFO or rules.recipients(alert)[1].keys() == {"phone"}, code


def test_its_configuration_is_the_shipped_one_with_another_interpreter(place: Path) -> None:
    text = (make_desk(place / "desk") / CONFIGURATION).read_text(encoding="utf-8")
    shipped = (PROJECT_ROOT / CONFIGURATION).read_text(encoding="utf-8")
    command = f'/usr/bin/env PAPERDESK_DESK=. "{sys.executable}" -P'
    sections = text[text.index("[unix_http_server]") :]
    assert sections.replace(command, "/usr/bin/env .venv/bin/python") == shipped[shipped.index("[unix_http_server]") :]


def test_a_desk_beside_its_interpreter_names_it_by_a_relative_path(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    programs = place / "checkout" / ".venv" / "bin"
    programs.mkdir(parents=True)
    monkeypatch.setattr("orchestration.desk_folder.PROJECT_ROOT", place / "checkout")
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    for name in (CONFIGURATION, ".env.example"):
        (place / "checkout" / name).symlink_to(PROJECT_ROOT / name)
    inside = (make_desk(place / "checkout" / "desks" / "a") / CONFIGURATION).read_text(encoding="utf-8")
    assert '"../../.venv/bin/python" -P' in inside


def test_an_empty_folder_becomes_a_desk(place: Path) -> None:
    (place / "desk").mkdir()
    assert (make_desk(place / "desk") / DESK_MARKER).is_file()


def a_file(folder: Path) -> Path:
    (folder / "desk").write_text("")
    return folder / "desk"


def a_filled_folder(folder: Path) -> Path:
    (folder / "desk").mkdir()
    (folder / "desk" / "notes.txt").write_text("")
    return folder / "desk"


def a_desk(folder: Path) -> Path:
    return make_desk(folder / "desk")


def below_a_file(folder: Path) -> Path:
    return a_file(folder) / "desk"


def a_long_path(folder: Path) -> Path:
    return folder / ("x" * 100)


def a_path_of_two_lines(folder: Path) -> Path:
    return folder / "a\nb"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (a_file, "is a file, expected a new or an empty folder"),
        (a_filled_folder, r"is not empty, it has notes\.txt; expected"),
        (a_desk, "is a desk already; expected a new or an empty folder"),
        (below_a_file, "Not a directory|is no writable folder"),
        (a_long_path, r"bytes, expected at most 73, because the path of a socket in it has at most 107"),
        (a_path_of_two_lines, "not printable, expected another name"),
    ],
)
def test_nothing_is_written_if_the_folder_cannot_be_a_desk(
    place: Path, make: Callable[[Path], Path], problem: str
) -> None:
    folder = make(place)
    before = tree_of(place)
    with pytest.raises(StartError, match=problem) as error:
        make_desk(folder)
    assert "\n" not in str(error.value)
    assert tree_of(place) == before


def test_a_folder_that_cannot_be_written_is_refused(place: Path) -> None:
    """Root may write to every folder of a disk, but to none of the processes' file system."""
    (place / "closed").mkdir(mode=0o500)
    closed = Path("/proc/self/fdinfo") if os.geteuid() == 0 else place / "closed"
    with pytest.raises(StartError, match=r"cannot be made: .*writable folder"):
        make_desk(closed / "desk")
    assert tree_of(place) == {"closed": 0o500}


def test_a_disk_that_fails_midway_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    def write_text(self: Path, *_arguments: object, **_options: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_text)
    with pytest.raises(StartError, match="No space left on device; expected a writable folder"):
        make_desk(place / "desk")
    assert tree_of(place) == {}


def test_a_moved_checkout_and_an_outdated_configuration_are_named_and_renewed(place: Path) -> None:
    desk = make_desk(place / "my desk")
    configuration = desk / CONFIGURATION
    text = configuration.read_text(encoding="utf-8")
    configuration.write_text(text.replace(sys.executable, "/gone/bin/python"), encoding="utf-8")
    assert folder_problems(desk) == [
        f"the interpreter /gone/bin/python of {configuration} is gone, the checkout was moved: "
        f"paperdesk init --renew '{desk}'"
    ]
    renew(desk)
    assert folder_problems(desk) == []
    assert "/gone/bin/python" in (desk / FORMER_CONFIGURATION).read_text(encoding="utf-8")
    configuration.write_text(text.replace("[program:web]", "[program:page]"), encoding="utf-8")
    assert [problem.partition(":")[0] for problem in folder_problems(desk)] == [
        f"{configuration} differs from that of this version"
    ]


def test_no_former_configuration_is_lost_by_a_second_renewal(place: Path) -> None:
    desk = make_desk(place / "desk")
    configuration, former = desk / CONFIGURATION, desk / FORMER_CONFIGURATION
    made = configuration.read_text(encoding="utf-8")
    assert renew(desk) is None
    assert not former.exists()
    for number, path in enumerate((former, Path(f"{former}-2"), Path(f"{former}-3"))):
        configuration.write_text(f"; changed by hand {number}\n{made}", encoding="utf-8")
        assert renew(desk) == path
        assert configuration.read_text(encoding="utf-8") == made
    assert former.read_text(encoding="utf-8").startswith("; changed by hand 0\n")
    configuration.unlink()
    assert renew(desk) is None
    assert configuration.read_text(encoding="utf-8") == made


def test_missing_folders_and_open_modes_are_named(place: Path) -> None:
    desk = make_desk(place / "desk")
    (desk / "var" / "log").rmdir()
    (desk / ".env").chmod(0o644)
    assert folder_problems(desk) == [
        f"{desk}/var/log is missing: mkdir -m 700 {desk}/var/log",
        f"{desk}/.env is open to other users (mode 044 for them): chmod go= {desk}/.env",
    ]


def test_only_a_desk_is_renewed(place: Path) -> None:
    with pytest.raises(StartError, match=r"has no \.paperdesk, expected the folder of a desk"):
        renew(place)
    assert tree_of(place) == {}


def test_the_strategy_of_a_new_desk_continues_from_its_snapshot(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(make_desk(place / "desk")))
    from strategy import Breakout  # type: ignore[import-not-found]

    draws = random.Random(1)
    mids = [1.1 + draws.gauss(0, 1e-4) for _ in range(2_000)]
    whole, first, second = (Breakout(Breakout.Parameters()) for _ in range(3))
    expected = [whole.on_tick(None, mid, mid, 0) for mid in mids]
    found = [first.on_tick(None, mid, mid, 0) for mid in mids[:700]]
    second.restore(first.snapshot())
    found += [second.on_tick(None, mid, mid, 0) for mid in mids[700:]]
    assert found == expected
    assert {direction for direction, _ in expected} == {-1, 0, 1}
    with pytest.raises(ValueError, match="snapshot of 7 bytes"):
        second.restore(b"1234567")
