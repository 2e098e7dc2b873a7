"""A case: ticks and settings of one run, which can be written as the files that a person would write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from marketdata.files.tick_input import TickInput
from marketdata.tick_stream import SymbolRows, TickStream, build_stream
from proto.trading.enums import AccountMode
from research.run_spec import RunSpec
from services.portfolio.core.plan.on_opposite import OnOpposite

Table = Mapping[str, Any]
"""Contents of a TOML file; a value may be a table."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run. `limits` and `fills` are the name of a set, or the contents of a file."""

    rows: tuple[SymbolRows, ...]
    """Ticks of the traded symbols and then of the watched ones."""
    traded: int
    """Number of symbols that are traded."""
    strategy: str
    plan: Table
    limits: str | Table
    fills: str | Table
    news: str = ""
    """Rows of the news calendar."""
    commit_every_ticks: int
    fields: Mapping[str, str | int]
    """Other settings of the run by the names of `RunSpec`, as text or numbers."""

    @property
    def ticks(self) -> int:
        """Number of ticks of all symbols, with those that are rejected."""
        return sum(len(rows.time_ns) for rows in self.rows)

    def stream(self) -> TickStream:
        """The ticks in their order."""
        return build_stream(self.rows, accept_crossed=self.fields["crossed"] == "accept")

    def spec(self, folder: Path) -> RunSpec:
        """Write the files into a folder, and return the settings of the run."""
        inputs = [TickInput(folder / "none.parquet", rows.symbol) for rows in self.rows]
        if self.news:
            (folder / "news.csv").write_text("time,currency,impact,title\n" + self.news)
        fields = dict(self.fields)
        return RunSpec(
            inputs=tuple(inputs[: self.traded]),
            watched=tuple(inputs[self.traded :]),
            strategy=self.strategy,
            plan=_written(folder / "plan.toml", self.plan) if self.plan else "",
            risk=_written(folder / "limits.toml", self.limits),
            fills=_written(folder / "fills.toml", self.fills),
            on_opposite=OnOpposite(str(fields["on_opposite"])),
            account_mode=AccountMode(str(fields["account_mode"])),
            volume=Decimal(str(fields["volume"])),
            balance=Decimal(str(fields["balance"])),
            currency=str(fields["currency"]),
            leverage=int(fields["leverage"]),
            seed=int(fields["seed"]),
            instruments=str(fields.get("instruments", "")),
            crossed="accept" if fields["crossed"] == "accept" else "reject",
        )

    def text(self) -> str:
        """The settings for the text of a failure."""
        parts = [f"{self.ticks} ticks of {', '.join(rows.symbol for rows in self.rows)}, {self.traded} traded"]
        parts += [f"strategy {self.strategy}, commits every {self.commit_every_ticks} ticks", f"fields {self.fields}"]
        for name, table in (("plan", self.plan), ("limits", self.limits), ("fills", self.fills)):
            parts.append(f"# {name}\n{table if isinstance(table, str) else toml_of(table)}")
        return "\n".join([*parts, self.news])


def _written(path: Path, contents: str | Table) -> str:
    if isinstance(contents, str):
        return contents
    path.write_text(toml_of(contents))
    return str(path)


def toml_of(table: Table) -> str:
    """The text of a TOML file: one line for each value, tables in braces."""
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case Mapping():
            return "{" + ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
        case _:
            return str(value)
