"""Cache folder of compiled kernels, chosen before the first kernel is imported.

Compiling takes seconds, and numba's default folder, beside the source, may be read-only. The folder is NUMBA_CACHE_DIR
if that is set, else a folder in the user's cache folder, else a folder in the desk's data folder. If neither the
user's nor the desk's folder is writable, the folder is a temporary one, and each process compiles again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from common.errors import StartError

VARIABLE: Final = "NUMBA_CACHE_DIR"
_chosen: list[Path] = []


def configure_kernel_cache(data_dir: Path | None = None) -> Path:
    """Choose and set numba's cache folder; must be called before a module with kernels is imported.

    Raises:
        StartError: NUMBA_CACHE_DIR names a folder that is not writable.
    """
    if not _chosen:
        named = os.environ.get(VARIABLE)
        if named:
            if not is_writable(Path(named)):
                raise StartError(f"{VARIABLE}: value '{named}', expected a folder that can be written")
            folder = Path(named)
        else:
            folder = next(filter(is_writable, _places(data_dir)), None) or Path(tempfile.mkdtemp(prefix="paperdesk-"))
        # Imported here because the import takes most of a second.
        import numba

        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]  # set at run time
        _chosen.append(folder)
    return _chosen[0]


def cache_folder() -> Path | None:
    """Return the desk's folder in the user's cache folder; None if the user has no home folder."""
    named = os.environ.get("XDG_CACHE_HOME")
    if named and Path(named).is_absolute():
        return Path(named) / "paperdesk"
    try:
        return Path.home() / ".cache" / "paperdesk"
    except RuntimeError:
        return None


def is_writable(folder: Path) -> bool:
    """Create the folder if it is missing, and test whether a file can be created in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _places(data_dir: Path | None) -> Iterator[Path]:
    user = cache_folder()
    if user is not None:
        yield user / "numba"
    if data_dir is not None:
        yield data_dir / "cache" / "numba"
