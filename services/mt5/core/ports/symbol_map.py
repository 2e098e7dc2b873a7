"""The desk's names of symbols and the broker's."""

from __future__ import annotations

from collections.abc import Mapping


class SymbolMap:
    """Names in both directions. An unmapped symbol has the same name on both sides, unless another symbol has it."""

    def __init__(self, broker_by_desk: Mapping[str, str] | None = None) -> None:
        """Use the broker's names by the desk's, and the same name for all others.

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
        """The broker's name; None where that name belongs to another symbol."""
        mapped = self._broker_by_desk.get(desk)
        if mapped is not None:
            return mapped
        return None if desk in self._desk_by_broker else desk

    def to_desk(self, broker: str) -> str:
        """The desk's name of a symbol in the broker's book; the empty name of a cash deal stays empty."""
        return self._desk_by_broker.get(broker, broker)
