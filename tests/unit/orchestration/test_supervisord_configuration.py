"""The shipped supervisord.conf, and its copy for a private desk."""

import configparser
import shlex
from pathlib import Path

import pytest

from common.project_root import PROJECT_ROOT
from orchestration.supervisord_configuration import CONFIGURATION, private_configuration

SHIPPED = (PROJECT_ROOT / CONFIGURATION).read_text(encoding="utf-8")
PROGRAMS = ("mt5", "execution", "portfolio", "signal", "web", "notify")
MAY_BE_ELSEWHERE = ("mt5", "web", "notify")


def parsed(text: str) -> configparser.RawConfigParser:
    """The configuration as supervisord parses it: both comment signs also apply within a line."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(text)
    return parser


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_restarts_after_a_crash_and_not_after_a_refused_setting(program: str) -> None:
    section = parsed(SHIPPED)[f"program:{program}"]
    assert section["autorestart"] == "unexpected"
    # A process may end with 0 without a stop by supervisord: after SIGTERM, or if a strategy exits. It must restart.
    assert section["exitcodes"] == ("2,3" if program in MAY_BE_ELSEWHERE else "2")
    assert section["startsecs"] == "1"
    assert 3 < int(section["startretries"]) <= 50
    assert section["stopsignal"] == "TERM"
    assert section.getboolean("stopasgroup") is False
    assert section.getboolean("redirect_stderr") is True


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_path_is_relative_to_the_folder_of_the_file(program: str) -> None:
    section = parsed(SHIPPED)[f"program:{program}"]
    arguments = ["--venue", "setting"] if program == "mt5" else []
    assert shlex.split(section["command"]) == [
        "/usr/bin/env",
        ".venv/bin/python",
        "-m",
        f"services.{program}",
        *arguments,
    ]
    assert section["directory"] == "%(here)s"
    assert section["stdout_logfile"] == f"%%(here)s/var/log/{program}.log"


def test_the_gateway_starts_first_and_stops_last() -> None:
    parser = parsed(SHIPPED)
    by_priority = sorted(PROGRAMS, key=lambda program: parser.getint(f"program:{program}", "priority"))
    assert by_priority[0] == "mt5"
    assert by_priority[-3:] == ["signal", "web", "notify"]


def test_only_the_user_who_runs_supervisord_may_call_it() -> None:
    assert parsed(SHIPPED)["unix_http_server"]["chmod"] == "0700"


def test_the_configuration_of_a_private_desk_differs_only_in_its_paths() -> None:
    private = parsed(
        private_configuration(
            SHIPPED, root=Path("/srv/desk"), runtime=Path("/tmp/pd-x"), python="/opt/py/bin/python3", omitted=()
        )
    )
    shipped = parsed(SHIPPED)
    assert private.sections() == shipped.sections()
    for section in shipped.sections():
        for option, value in shipped[section].items():
            moved = value.replace("/usr/bin/env .venv/bin/python", '"/opt/py/bin/python3"')
            moved = (
                moved.replace("%%(here)s/var", "/tmp/pd-x")
                .replace("%(here)s/var", "/tmp/pd-x")
                .replace("%(here)s", "/srv/desk")
            )
            assert private[section][option] == moved
    assert "%(here)s" not in "".join(value for section in private.values() for value in section.values())


@pytest.mark.parametrize("omitted", [("web",), ("notify",), ("web", "notify")])
def test_a_private_desk_omits_only_the_programs_that_it_does_not_need(omitted: tuple[str, ...]) -> None:
    whole, without = (
        parsed(
            private_configuration(
                SHIPPED,
                root=Path("/srv/desk"),
                runtime=Path("/tmp/pd-x"),
                python="/opt/py/bin/python3",
                omitted=names,
            )
        )
        for names in ((), omitted)
    )
    assert {*whole.sections()} - {*without.sections()} == {f"program:{name}" for name in omitted}
    for section in without.sections():
        assert dict(without[section]) == dict(whole[section])


def test_paths_with_special_characters_stay_one_argument() -> None:
    private = parsed(
        private_configuration(
            SHIPPED,
            root=Path("/srv/100% mine"),
            runtime=Path("/tmp/pd-x"),
            python='/srv/my "own" %s/bin/python',
            omitted=(),
        )
    )
    command = private["program:mt5"]["command"] % {}
    assert shlex.split(command) == ['/srv/my "own" %s/bin/python', "-m", "services.mt5", "--venue", "setting"]
    assert private["program:mt5"]["directory"] % {} == "/srv/100% mine"


def test_no_line_of_the_shipped_configuration_is_longer_than_120_columns() -> None:
    assert [line for line in SHIPPED.splitlines() if len(line) > 120] == []
