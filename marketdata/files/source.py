"""Recognition of a tick file's layout by its content, and reading of its rows in chunks.

The name of a file matters only for LEAN's files: the name gives the day, and the folders give the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from marketdata.files.bars import bar_interval
from marketdata.files.errors import TickFileError, UnknownLayoutError
from marketdata.files.header_layouts import DUKASCOPY, MT5, TABLE
from marketdata.files.headerless_layouts import HISTDATA, LEAN, TRUEFX
from marketdata.files.layout import HEAD_LINES, Layout, LayoutMismatch, LayoutRefusal, Parser, ZoneRule
from marketdata.files.parquet import REQUIRED, ParquetRows
from marketdata.files.text import ArchiveMember, archive_members, escaped, first_bytes, head, lines_of
from marketdata.files.tick_input import ZONE_EXPECTED
from marketdata.files.time_zones import UTC, SourceClock
from marketdata.tick_validation import UNREADABLE_TIME_NS

LAYOUTS: Final[tuple[Layout, ...]] = (MT5, TRUEFX, HISTDATA, LEAN, DUKASCOPY, TABLE)
SHOWN_LINES: Final = 3
UNREADABLE_SHOWN: Final = 5
EXPECTED: Final = f"Parquet with {', '.join(REQUIRED)}, or text (plain, gzip or zip) in one of the layouts " + (
    ", ".join(layout.name for layout in LAYOUTS)
)


class DetectedLayout(NamedTuple):
    """Names of a file's layout and of the clock of its times."""

    layout: str
    zone: str


class TickFile:
    """One tick file of a recognized layout."""

    def __init__(self, path: Path, zone: str | None = None) -> None:
        """Recognize the layout of the file.

        Args:
            path: path of the file.
            zone: name of the clock of its times. It is required if neither layout nor file determines a clock, and
                overrides a clock that they determine.

        Raises:
            UnknownLayoutError: the file fits no layout.
            TickFileError: the file is missing, empty or damaged, has bars instead of ticks, or contains several files
                of ticks; `zone` is required and None, or it is given although each row has its offset.
        """
        self.path = path
        self.unreadable: list[tuple[int, str]] = []
        """Numbers and texts of the first unreadable lines."""
        self.blank_lines = 0
        self.rows_passed = 0
        self.remarks: list[str] = []
        """Remarks on the file's times."""
        self._chars_passed = 0
        self._parquet: ParquetRows | None = None
        clock = None if zone is None else SourceClock(zone)
        _require_file(path)
        if first_bytes(path) == b"PAR1":
            self._clock = clock or UTC
            self._parquet = ParquetRows(path, self._clock)
            self.detected = DetectedLayout("Parquet", self._clock.name)
            return
        self._member, layout, self._parser = _recognised(path)
        self.detected = DetectedLayout(layout.name, self._set_clock(layout, clock))
        self._clock = self._parser.clock

    def chunks(self, first_row: int = 1, last_row: int | None = None) -> Iterator[pl.DataFrame]:
        """Yield the rows as frames of `ts_ns` (UTC), `bid`, `ask`, `volume` and, if the file has it, `symbol`.

        After the last frame, `rows_passed` is the number of rows of the file. It may be less if `last_row` is given,
        because reading ends after that row.

        Args:
            first_row: number of the first row to return, from 1.
            last_row: number of the last row to return; None returns all to the end.
        """
        if self._parquet is not None:
            self.rows_passed = self._parquet.row_count
            yield from self._parquet.chunks(first_row, last_row)
            return
        self.rows_passed = 0
        for frame in self._parsed():
            begin, end = max(0, first_row - 1 - self.rows_passed), frame.height
            if last_row is not None:
                end = min(end, last_row - self.rows_passed)
            self.rows_passed += frame.height
            if begin < end:
                yield frame[begin:end]
            if last_row is not None and self.rows_passed >= last_row:
                return

    def part_passed(self, rows: int) -> float:
        """Approximate share of the file, 0 to 1, read after `rows` rows; 0 for a compressed file."""
        if self._parquet is not None:
            return rows / max(1, self._parquet.row_count)
        return 0.0 if self._member.packing else min(1.0, self._chars_passed / self.path.stat().st_size)

    @property
    def clock(self) -> SourceClock:
        """The clock of the file's times; UTC if each row has an offset."""
        return self._clock

    @property
    def has_symbols(self) -> bool:
        """Whether the rows have a symbol."""
        return self._parser.has_symbols if self._parquet is None else self._parquet.has_symbols

    def _parsed(self) -> Iterator[pl.DataFrame]:
        skip = self._parser.header_lines
        for lines in lines_of(self._member):
            places = [place for place, line in enumerate(lines.texts) if line and not line.isspace()]
            self.blank_lines += len(lines.texts) - len(places)
            self._chars_passed += sum(map(len, lines.texts)) + len(lines.texts)
            skipped, places = places[:skip], places[skip:]
            skip -= len(skipped)
            if not places:
                continue
            frame = self._parser.parse([lines.texts[place] for place in places])
            if len(self.unreadable) < UNREADABLE_SHOWN:
                bad = (frame["ts_ns"] == UNREADABLE_TIME_NS).arg_true().to_list()
                for row in bad[: UNREADABLE_SHOWN - len(self.unreadable)]:
                    self.unreadable.append((lines.first + places[row], escaped(lines.texts[places[row]])))
            yield frame

    def _set_clock(self, layout: Layout, clock: SourceClock | None) -> str:
        parser, rule = self._parser, self._parser.zone_rule
        if rule is ZoneRule.FIXED:
            if clock is not None:
                raise TickFileError(
                    f"{self.path} is {layout.name}, and each row has its offset, expected no time zone {clock.name!r}"
                )
            return "as each row says"
        if clock is None:
            if rule is ZoneRule.REQUIRED:
                raise TickFileError(
                    f"{self.path} is {layout.name}, which does not give the clock of its times"
                    f"{f' ({parser.clock_doubt})' if parser.clock_doubt else ''}; "
                    f"expected {ZONE_EXPECTED}, by --utc-offset or --zone, or MT5_TICKS_ZONE for a gateway"
                )
            if parser.clock_doubt and not parser.clock_source:
                self.remarks.append(parser.clock_doubt)
            return "as each row says" if parser.has_offsets else parser.clock.name
        if parser.clock_source and clock.name != parser.clock.name:
            self.remarks.append(
                f"times read as {clock.name}, as requested; the clock of {parser.clock_source} is {parser.clock.name}"
            )
        parser.clock = clock
        return clock.name


def files_of(path: Path) -> list[Path]:
    """The files of an input: the file itself, or the files in a folder in the order of their names.

    Raises:
        TickFileError: the folder has no files or cannot be read.
    """
    try:
        if not path.is_dir():
            return [path]
        files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    except OSError as error:
        raise TickFileError(f"{path} cannot be read: {error.strerror}") from None
    if not files:
        raise TickFileError(f"{path} is a folder without files, expected tick files in it")
    return files


def _require_file(path: Path) -> None:
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise TickFileError(f"{path} {what}, expected {EXPECTED}")
    if not path.stat().st_size:
        raise TickFileError(f"{path} is empty, expected {EXPECTED}")


def _recognised(path: Path) -> tuple[ArchiveMember, Layout, Parser]:
    """The only text file in `path` that fits a layout, that layout, and its parser.

    Raises:
        UnknownLayoutError: no text file fits a layout.
        TickFileError: several text files fit a layout, or the file has bars instead of ticks or has no readable ticks.
    """
    fits: list[tuple[ArchiveMember, Layout, Parser]] = []
    details: list[str] = []
    refusal = ""
    texts = archive_members(path)
    for member in texts:
        begin = head(member)
        interval = bar_interval(begin[: HEAD_LINES + 1])
        if interval is not None:
            refusal = (
                refusal
                or f"{member.name} holds bars of {interval}, expected ticks: a row with bid and ask for each quote"
            )
            continue
        refusals = []
        for layout in LAYOUTS:
            parser = layout.recognise(begin[: HEAD_LINES + 1], member)
            if isinstance(parser, LayoutRefusal):
                refusal = refusal or f"{member.name} is a {layout.name}, but {parser}"
                break
            if not isinstance(parser, LayoutMismatch):
                fits.append((member, layout, parser))
                break
            refusals.append(f"  not {layout.name}: {parser}")
        else:
            details.append(f"{member.name} begins" + ("" if begin else " with nothing but empty lines"))
            details.extend(f"  {escaped(line)}" for line in begin[:SHOWN_LINES])
            details.append(f"  not Parquet: it does not begin with 'PAR1' but with {escaped(_first(member))}")
            details.extend(refusals)
        if len(details) > 4 * len(LAYOUTS) or len(fits) > 1:
            break
    if len(fits) > 1:
        names = " and ".join(member.inner or "" for member, _, _ in fits[:2])
        raise TickFileError(f"{path} holds several files of ticks ({names}), expected a zip with one")
    if not fits and refusal:
        raise TickFileError(refusal)
    if not fits:
        begin = head(texts[0])
        details.append(f"expected {EXPECTED}, such as")
        details.extend(f"  {layout.name}: {layout.example}" for layout in LAYOUTS)
        begin_text = f"it begins with {escaped(begin[0])}" if begin else "it has no line"
        raise UnknownLayoutError(f"{path} fits no layout of ticks; {begin_text}; expected {EXPECTED}", tuple(details))
    return fits[0]


def _first(member: ArchiveMember) -> str:
    return first_bytes(member.path).decode("latin-1")
