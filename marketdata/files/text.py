"""Lines of a file: plain text, gzip or zip, a bounded number of bytes at a time.

A byte-order mark determines the encoding (UTF-8 without one); invalid bytes become U+FFFD, which no layout accepts.
Lines end with LF or CR LF; the last one may have no end.
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

from common.text_files import EncodingError, encoding_of
from marketdata.files.errors import TickFileError

CHUNK_BYTES: Final = 1 << 22
"""Bytes read and parsed at a time; about 100,000 rows."""

LINE_CHARS_MAX: Final = 1 << 16
"""A longer line is not a row of ticks: without a limit, a file without line ends would be read into memory."""

HEAD_BYTES: Final = 1 << 16

_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
_ZIP_EMPTY: Final = b"PK\x05\x06"


class ArchiveMember(NamedTuple):
    """One text file: a plain file, the content of a gzip file, or a member of a zip."""

    path: Path
    packing: str
    inner: str | None

    @property
    def name(self) -> str:
        """Name for people."""
        return str(self.path) if self.inner is None else f"{self.path}:{self.inner}"


class LineChunk(NamedTuple):
    """Lines without their ends, and the number of the first one, from 1."""

    first: int
    texts: list[str]


def first_bytes(path: Path, count: int = 4) -> bytes:
    """The first `count` bytes of a file.

    Raises:
        TickFileError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise TickFileError(f"{path} cannot be read: {error.strerror}") from None


def archive_members(path: Path) -> list[ArchiveMember]:
    """The text files in a file: itself, or the members of a zip.

    Raises:
        TickFileError: it is a zip that is damaged, encrypted or empty.
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
            raise TickFileError(f"{path} is a zip with nothing in it, expected one with a file of ticks")
        return [ArchiveMember(path, "zip", info.filename) for info in found]


def head(member: ArchiveMember) -> list[str]:
    """The first non-empty lines, within `HEAD_BYTES`; a line cut there is left out unless it is the only one."""
    with _opened(member) as file:
        data = file.read(HEAD_BYTES)
        is_all = not file.read(1)
    decoder, mark = _decoder(member, data)
    texts = decoder.decode(data[mark:], final=False).split("\n")
    if not is_all and len(texts) > 1:
        del texts[-1]
    return [line for line in (line.removesuffix("\r") for line in texts) if line.strip()]


def lines_of(member: ArchiveMember, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[LineChunk]:
    """All lines, including empty ones, in chunks.

    Raises:
        TickFileError: the archive is damaged, the file cannot be read, or a line is too long.
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
    """A line for use in a message: control characters and invalid bytes escaped, length bounded."""
    shown = text[:limit].encode("unicode_escape").decode("ascii")
    return f"'{shown[:limit]}'" + ("..." if len(text) > limit or len(shown) > limit else "")


def _decoder(member: ArchiveMember, data: bytes) -> tuple[codecs.IncrementalDecoder, int]:
    """Decoder of text that begins with `data`, and the length of its byte-order mark."""
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
    """Turn errors of reading and unpacking into a TickFileError."""
    try:
        yield
    except TickFileError:
        raise
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
        text = " ".join(str(error).split())[:200] or type(error).__name__
        raise TickFileError(f"{path} cannot be read to its end: {text}; expected an undamaged file") from None
