"""What the desk calls a symbol and what the broker calls it."""

from __future__ import annotations

from collections.abc import Mapping


class SymbolMap:
    """Two-way names. A symbol that is not mapped has one name, unless that name was given to another symbol."""

    def __init__(self, broker_by_desk: Mapping[str, str] | None = None) -> None:
        """Take the pairs that differ.

        Raises:
            ValueError: two desk names are mapped to one broker's name.
        """
        self._broker_by_desk = dict(broker_by_desk or {})
        self._desk_by_broker: dict[str, str] = {}
        for desk, broker in self._broker_by_desk.items():
            if broker in self._desk_by_broker:
                both = f"{self._desk_by_broker[broker]} and {desk}"
                raise ValueError(f"{both} are both mapped to {broker}, expected one name for one symbol")
            self._desk_by_broker[broker] = desk

    def to_broker(self, desk: str) -> str | None:
        """The broker's name, or None where the desk's name means nothing at the broker."""
        mapped = self._broker_by_desk.get(desk)
        if mapped is not None:
            return mapped
        return None if desk in self._desk_by_broker else desk

    def to_desk(self, broker: str) -> str:
        """The desk's name of a symbol in the broker's book; the empty name of a cash deal stays empty."""
        return self._desk_by_broker.get(broker, broker)
