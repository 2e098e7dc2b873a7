"""The desk's names of symbols and the broker's."""

from __future__ import annotations

from collections.abc import Mapping


class SymbolMap:
    """Maps symbol names both ways. An unmapped symbol keeps its name, unless the broker uses it for a mapped symbol."""

    def __init__(self, broker_by_desk: Mapping[str, str] | None = None) -> None:
        """Use a mapping from the desk's names to the broker's.

        Raises:
            ValueError: two of the desk's names are mapped to the same broker's name.
        """
        self._broker_by_desk = dict(broker_by_desk or {})
        self._desk_by_broker: dict[str, str] = {}
        for desk, broker in self._broker_by_desk.items():
            if broker in self._desk_by_broker:
                both = f"{self._desk_by_broker[broker]} and {desk}"
                raise ValueError(f"{both} are both mapped to {broker}, expected one name for one symbol")
            self._desk_by_broker[broker] = desk

    def to_broker(self, desk: str) -> str | None:
        """The broker's name of a symbol; None for an unmapped name that the broker uses for another symbol."""
        mapped = self._broker_by_desk.get(desk)
        if mapped is not None:
            return mapped
        return None if desk in self._desk_by_broker else desk

    def to_desk(self, broker: str) -> str:
        """The desk's name of a broker's symbol; the empty symbol of a cash deal stays empty."""
        return self._desk_by_broker.get(broker, broker)
