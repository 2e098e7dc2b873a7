"""The key that signs a ledger's head, and the newest signed head, in two files outside the ledger.

The first start creates the key file, which only its owner may read. The newest signed head in the same folder reveals a
ledger whose last events were cut together with their signatures. If possible, LEDGER_KEY_FILE should name a file on
another disk.
"""

from __future__ import annotations

import hmac
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zlib import crc32

from common.errors import StartError
from common.project_root import DESK_ROOT, expanded
from common.storage import publish_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FOLDER: Final = "keys"
KEY_FILE_NAME: Final = "ledger.key"
HEAD_SUFFIX: Final = ".head"

_FORMAT: Final = "paperdesk-ledger-key-1"
_SEED_BYTES: Final = 32


def key_file(data_dir: Path, setting: str = "") -> Path:
    """Return the path of a desk's key: in the folder `keys` of `data_dir`, unless `setting` names another file.

    Raises:
        StartError: the setting begins with `~`, and the home directory is unknown.
    """
    try:
        return DESK_ROOT / expanded(setting) if setting else data_dir / KEY_FOLDER / KEY_FILE_NAME
    except ValueError as error:
        raise StartError(f"LEDGER_KEY_FILE: value {setting!r}, expected {error}") from None


class LedgerKey:
    """An Ed25519 key, and an HMAC key derived from it for rows that are written too often to be signed."""

    def __init__(self, path: Path, seed: bytes) -> None:
        """Derive the keys from `seed`, which was read from the file `path`."""
        # Imported here because the import takes 70 ms, which commands that need no key should not spend.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        assert len(seed) == _SEED_BYTES, len(seed)
        self.path = path
        self.head_path = head_file(path)
        self._private: Ed25519PrivateKey = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._private.public_key().public_bytes_raw().hex()
        """The public key in hexadecimal."""
        # `mac` copies this object: for a new HMAC, OpenSSL looks up the algorithm, which takes longer than the rest.
        self._mac = hmac.new(hmac.digest(seed, b"paperdesk ledger state 1", "sha256"), digestmod="sha256")

    def sign(self, statement: bytes) -> str:
        """Return the signature of a statement in hexadecimal."""
        return self._private.sign(statement).hex()

    def mac(self, statement: bytes) -> bytes:
        """Return the HMAC of a statement, 32 bytes; it takes a few microseconds for 2 kB."""
        code = self._mac.copy()
        code.update(statement)
        return code.digest()


def is_signed_by(public: str, signature: str, statement: bytes) -> bool:
    """Whether `signature` is the signature of a statement with the key `public`; both are hexadecimal."""
    # Imported here for the same reason as in `LedgerKey`: the import takes 70 ms.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def head_file(key_file: Path) -> Path:
    """Return the path of the newest signed head, which is beside the key."""
    return key_file.with_name(key_file.name + HEAD_SUFFIX)


def existing_key(path: Path) -> LedgerKey | None:
    """Return the key in a file; None if the file does not exist.

    Raises:
        StartError: the file cannot be read, is damaged, or other users may read it.
    """
    try:
        text = path.read_text(encoding="ascii")
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StartError(f"{path} cannot be read: {error}; expected the key that signs the ledger") from None
    if sys.platform != "win32" and mode & 0o077:
        raise StartError(f"{path} has mode {mode:04o}, expected 0600: others could sign the ledger")
    fields = text.split()
    if (
        len(fields) != 3
        or fields[0] != _FORMAT
        or fields[2] != _checksum(fields[1])
        or len(fields[1]) != 2 * _SEED_BYTES
    ):
        raise StartError(f"{path} is damaged, expected the key that signs the ledger; restore a copy of it")
    return LedgerKey(path, bytes.fromhex(fields[1]))


def ensure_key(path: Path) -> LedgerKey:
    """Return the key in a file; create a key if the file does not exist.

    Raises:
        StartError: the file cannot be read or created.
    """
    key = existing_key(path)
    if key is not None:
        return key
    seed = os.urandom(_SEED_BYTES).hex()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(path, f"{_FORMAT} {seed} {_checksum(seed)}\n")
    except OSError as error:
        raise StartError(
            f"{path} cannot be created: {error.strerror}; expected a writable folder for the key that signs the ledger"
        ) from None
    return LedgerKey(path, bytes.fromhex(seed))


def write_durably(path: Path, text: str) -> None:
    """Replace a small file durably; only its owner may read it.

    Raises:
        OSError: the file cannot be written; the earlier file remains.
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(fd, text.encode("ascii"))
    finally:
        os.close(fd)
    publish_file(part, path)


def _checksum(text: str) -> str:
    return f"{crc32(text.encode()):08x}"
