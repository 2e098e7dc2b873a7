"""The throw-away environment of the other libraries, with the versions and hashes of `requirements/peers.lock`."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from common.project_root import PROJECT_ROOT

LOCK: Final = PROJECT_ROOT / "requirements" / "peers.lock"
_INSTALL: Final = ("-m", "pip", "install", "--quiet", "--quiet", "--require-hashes", "--only-binary", ":all:")


def build_environment(folder: Path) -> Path:
    """Install the lock in `folder`, unless an earlier call did, and return the environment's interpreter.

    If some package cannot be had for this machine, all others are installed. A library that needs it cannot be
    imported then, and its row has the reason.
    """
    python = folder / "bin" / "python"
    installed = folder / "installed.lock"
    if installed.exists() and installed.read_text() == LOCK.read_text():
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    if subprocess.run([python, *_INSTALL, "-r", str(LOCK)], check=False).returncode:
        for entry in entries(LOCK.read_text()):
            _install(python, entry)
    installed.write_text(LOCK.read_text())
    return python


def entries(lock: str) -> list[str]:
    """The entries of a lock, one for each package: version, marker and hashes."""
    return re.findall(r"^[a-z0-9-]+==(?:.*\\\n)*.*$", lock, flags=re.MULTILINE)


def _install(python: Path, entry: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".lock") as lock:
        lock.write(entry + "\n")
        lock.flush()
        subprocess.run([python, *_INSTALL, "--no-deps", "-r", lock.name], check=False)
