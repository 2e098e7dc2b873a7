"""Reading of the lines of a plain, gzip or zip file, a bounded number of bytes at a time.

A byte-order mark determines the encoding; without one it is UTF-8. Invalid bytes become U+FFFD, which makes a number or
a time unreadable. Lines end with LF or CR LF; the last line may have no line end.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple, cast

from common.errors import error_text
from common.text_files import EncodingError, encoding_of
from marketdata.files.errors import TickFileError

CHUNK_BYTES: Final = 1 << 22
"""Bytes read and parsed at a time, which are about 100,000 rows."""

LINE_CHARS_MAX: Final = 1 << 16
"""Largest number of characters of an incomplete line at the end of a chunk.

Without a limit, a file without line ends would be read into memory as one line.
"""

HEAD_BYTES: Final = 1 << 16

_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
_ZIP_EMPTY: Final = b"PK\x05\x06"


class ArchiveMember(NamedTuple):
    """One text file: a plain file, the content of a gzip file, or a member of a zip file.

    `packing` is `gzip`, `zip` or empty. `inner` is the name of a zip file's member, else None.
    """

    path: Path
    packing: str
    inner: str | None

    @property
    def name(self) -> str:
        """Name of the text file for messages."""
        return str(self.path) if self.inner is None else f"{self.path}:{self.inner}"


class LineChunk(NamedTuple):
    """Lines without their line ends; `first` is the number of the first line, counted from 1."""

    first: int
    texts: list[str]


def first_bytes(path: Path, count: int = 4) -> bytes:
    """The first `count` bytes of a file.

    Raises:
        TickFileError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise TickFileError(f"{path} cannot be read: {error.strerror}") from None


def archive_members(path: Path) -> list[ArchiveMember]:
    """The text files in a file: the file itself, or the members of a zip file.

    Raises:
        TickFileError: a zip file is damaged, encrypted or empty.
    """
    begin = first_bytes(path)
    if begin[:2] == _GZIP:
        return [ArchiveMember(path, "gzip", None)]
    if begin not in (_ZIP, _ZIP_EMPTY):
        return [ArchiveMember(path, "", None)]
    with _with_tick_file_errors(path), zipfile.ZipFile(path) as archive:
        found = [info for info in archive.infolist() if not info.is_dir()]
        if any(info.flag_bits & 1 for info in found):
            raise TickFileError(f"{path} is encrypted, expected a zip without a password")
        if not found:
            raise TickFileError(f"{path} is an empty zip, expected one with a file of ticks")
        return [ArchiveMember(path, "zip", info.filename) for info in found]


def head(member: ArchiveMember) -> list[str]:
    """The non-empty lines in the first `HEAD_BYTES`; an incomplete last line is omitted unless it is the only one."""
    with _opened(member) as file:
        data = file.read(HEAD_BYTES)
        is_all = not file.read(1)
    decoder, mark = _decoder(member, data)
    texts = decoder.decode(data[mark:], final=False).split("\n")
    if not is_all and len(texts) > 1:
        del texts[-1]
    return [line for line in (line.removesuffix("\r") for line in texts) if line.strip()]


def lines_of(member: ArchiveMember, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[LineChunk]:
    """Yield all lines, including empty ones, in chunks of about `chunk_bytes`.

    Raises:
        TickFileError: the archive is damaged, the file cannot be read, or an incomplete line at the end of a chunk is
            too long.
    """
    number = 1
    rest = ""
    with _opened(member) as file:
        decoder: codecs.IncrementalDecoder | None = None
        while data := file.read(chunk_bytes):
            if decoder is None:
                decoder, mark = _decoder(member, data)
                text = decoder.decode(data[mark:])
            else:
                text = decoder.decode(data)
            *texts, rest = (rest + text).split("\n")
            if len(rest) > LINE_CHARS_MAX:
                raise TickFileError(
                    f"{member.name} line {number + len(texts)} has more than {LINE_CHARS_MAX} characters, "
                    "expected a row of ticks"
                )
            if texts:
                yield LineChunk(number, [line.removesuffix("\r") for line in texts])
                number += len(texts)
        rest += decoder.decode(b"", final=True) if decoder else ""
        if rest:
            yield LineChunk(number, [rest.removesuffix("\r")])


def escaped(text: str, limit: int = 160) -> str:
    """A line for a message: control and non-ASCII characters are escaped, and at most `limit` characters are shown."""
    shown = text[:limit].encode("unicode_escape").decode("ascii")
    return f"'{shown[:limit]}'" + ("..." if len(text) > limit or len(shown) > limit else "")


def _decoder(member: ArchiveMember, data: bytes) -> tuple[codecs.IncrementalDecoder, int]:
    """Decoder of text that begins with `data`, and the length of its byte-order mark in bytes."""
    try:
        encoding, mark = encoding_of(data)
    except EncodingError as error:
        raise TickFileError(f"{member.name} is {error}") from None
    return codecs.getincrementaldecoder(encoding)(errors="replace"), mark


@contextlib.contextmanager
def _opened(member: ArchiveMember) -> Iterator[IO[bytes]]:
    with _with_tick_file_errors(member.path), contextlib.ExitStack() as stack:
        if member.packing == "gzip":
            yield cast("IO[bytes]", stack.enter_context(gzip.open(member.path)))
        elif member.inner is not None:
            archive = stack.enter_context(zipfile.ZipFile(member.path))
            yield stack.enter_context(archive.open(member.inner))
        else:
            yield stack.enter_context(member.path.open("rb"))


@contextlib.contextmanager
def _with_tick_file_errors(path: Path) -> Iterator[None]:
    """Convert errors of reading and unpacking within the block to a TickFileError."""
    try:
        yield
    except TickFileError:
        raise
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
        text = error_text(error)[:200] or type(error).__name__
        raise TickFileError(f"{path} cannot be read to its end: {text}; expected an undamaged file") from None
