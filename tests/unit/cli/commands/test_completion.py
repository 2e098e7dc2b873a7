"""Completion of commands, options and values in a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import PAPERDESK, TIMEOUT_S, paperdesk


def completed_by_bash(line: str) -> list[str]:
    """The completions of bash for a line, with the script that the command prints."""
    script = f"""
source <("{PAPERDESK}" completion bash)
COMP_WORDS=({line}) COMP_CWORD=$(({len(line.split())} - 1))
_paperdesk_completion "{PAPERDESK}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    done = subprocess.run([bash, "--norc", "-c", script], capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_options_and_choices() -> None:
    assert completed_by_bash("paperdesk rec") == ["reconcile"]
    assert completed_by_bash("paperdesk ticks d") == ["describe"]
    assert completed_by_bash("paperdesk export trades --for") == ["--format", "--force"]
    assert completed_by_bash("paperdesk export tr") == ["trades"]


@pytest.mark.parametrize(
    ("shell", "line"), [("bash", "COMP_WORDS"), ("zsh", "_TYPER_COMPLETE_ARGS"), ("fish", "_TYPER_COMPLETE_ARGS")]
)
def test_the_entry_point_completes_commands_for_each_shell(shell: str, line: str) -> None:
    environment = {"_PAPERDESK_COMPLETE": f"complete_{shell}", line: "paperdesk rec", "COMP_CWORD": "1"}
    done = paperdesk(**environment, _TYPER_COMPLETE_FISH_ACTION="get-args")
    assert done.returncode == 0, done
    assert "reconcile" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_uses_the_completion_variable_of_the_command(shell: str, tmp_path: Path) -> None:
    done = paperdesk("completion", shell, HOME=str(tmp_path))
    assert done.returncode == 0
    assert f"_PAPERDESK_COMPLETE=complete_{shell}" in done.stdout
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - the command installs nothing
