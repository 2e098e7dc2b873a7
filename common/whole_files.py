"""Writing of a file under a temporary name; the complete file is renamed to its final name."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path, *, replaces: bool, is_private: bool = False) -> Iterator[Path]:
    """Provide a temporary file that is renamed to `path` at the end of the block, so that `path` is never half written.

    With `is_private`, only the owner may read and write the file, also while it has its temporary name.

    Raises:
        FileExistsError: `path` exists at the end of the block and `replaces` is False, or `path` is not a regular file.
        OSError: the file cannot be written.
    """
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "exists and is not a regular file", str(path))
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        yield temporary
        os.fsync(number)
        temporary.chmod(0o600 if is_private else 0o666 & ~_umask())
        if not replaces:
            path.touch(exist_ok=False)  # reserves the name, also on file systems without hard links
        temporary.replace(path)
    finally:
        os.close(number)
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
