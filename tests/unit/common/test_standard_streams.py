"""Handling of text that cannot be written to standard output or standard error; each test runs a separate process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

GUARDED: Final = (
    "import sys\nfrom common.standard_streams import guard_standard_streams\nguard_standard_streams(is_log={})\n"
)
LOG: Final = GUARDED.format(True)
"""Beginning of a script whose standard output is a log."""

ANSWERS: Final = GUARDED.format(False)
"""Beginning of a script whose standard output is the output of a command."""


def ended(script: str, **streams: object) -> subprocess.CompletedProcess[bytes]:
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.run([sys.executable, "-c", script], check=False, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


def ended_without_a_reader(script: str, name: str = "stdout") -> subprocess.CompletedProcess[bytes]:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return ended(script, **{name: writing})
    finally:
        os.close(writing)


def test_output_without_a_reader_ends_the_process_with_the_code_of_sigpipe() -> None:
    done = ended_without_a_reader(ANSWERS + "print('x', flush=True)\nprint('never', file=sys.stderr)")
    assert (done.returncode, done.stderr) == (141, b"")


def test_output_to_a_full_disk_is_a_start_error_and_the_rest_is_dropped() -> None:
    script = """
from common.errors import StartError
try:
    print("x", flush=True)
except StartError as error:
    print("more")
    print(error, file=sys.stderr)
"""
    with Path("/dev/full").open("w") as full:
        done = ended(ANSWERS + script, stdout=full)
    message = b"standard output cannot be written: no space is left on the disk; expected a disk with free space\n"
    assert (done.returncode, done.stderr) == (0, message)


def test_a_write_error_caught_by_a_library_is_raised_at_the_next_flush() -> None:
    script = """
try:
    print("x", flush=True)
except BaseException:
    pass
sys.stdout.flush()
"""
    assert ended_without_a_reader(ANSWERS + script).returncode == 141


def test_a_log_without_a_reader_does_not_stop_the_process() -> None:
    script = "for _ in range(3):\n    print('x' * 10_000, flush=True)\nprint('done', file=sys.stderr)"
    done = ended_without_a_reader(LOG + script)
    assert (done.returncode, done.stderr) == (0, b"done\n")


def test_a_log_continues_once_its_disk_has_space_again(tmp_path: Path) -> None:
    """Lines that cannot be written may be lost; later lines are written."""
    script = """
import os
def write_to(path):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), 1)
write_to("/dev/full")
print("lost or late", flush=True)
write_to(sys.argv[1] if len(sys.argv) > 1 else os.environ["LOG"])
print("written", flush=True)
"""
    log = tmp_path / "log"
    done = ended(LOG + script, env={**os.environ, "LOG": str(log)})
    assert (done.returncode, done.stderr) == (0, b"")
    assert log.read_text().endswith("written\n")


def test_standard_error_without_a_reader_does_not_stop_the_process() -> None:
    script = "print('progress', file=sys.stderr, flush=True)\nprint('answer')"
    done = ended_without_a_reader(ANSWERS + script, "stderr")
    assert (done.returncode, done.stdout) == (0, b"answer\n")


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", b"- - x | u ~ * o \\xe9 \\u20ac"),
        (
            "cp437",
            "- - x \N{MIDDLE DOT} \N{MICRO SIGN} ~ * o \N{LATIN SMALL LETTER E WITH ACUTE} \\u20ac".encode("cp437"),
        ),
        ("utf-8", "– − × · µ … ● ○ é €".encode()),
    ],
)
def test_characters_missing_in_an_encoding_are_shown_as_ascii_or_escapes(encoding: str, expected: bytes) -> None:
    script = "print('– − × · µ … ● ○ é €')"
    done = ended(ANSWERS + script, env={**os.environ, "PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stdout) == (0, expected + b"\n")


def test_an_explicitly_set_error_handler_is_kept() -> None:
    done = ended(ANSWERS + "print('–')", env={**os.environ, "PYTHONIOENCODING": "ascii:replace"})
    assert (done.returncode, done.stdout) == (0, b"?\n")


def test_a_file_name_that_is_no_text_is_shown_with_escapes() -> None:
    done = ended(ANSWERS + "print('a\\udcffb')", env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    assert (done.returncode, done.stdout) == (0, b"a\\udcffb\n")


def test_files_do_not_get_the_descriptors_of_missing_standard_streams(tmp_path: Path) -> None:
    """Otherwise an opened file would get the descriptor of a closed standard stream.

    Text written to that descriptor would go to the file.
    """
    target = tmp_path / "file"
    script = ANSWERS + f"file = open({str(target)!r}, 'w')\nprint('x', flush=True)\nsys.exit(file.fileno() < 3)"
    command = ["sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, script]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0
    assert target.read_text() == ""
