"""Bodies of the commands to the desk, and of the acknowledgement of alerts.

A field without a default is required, and an unknown field is refused. The meaning of the fields of commands is that of
the requests in `proto.control`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final
from unicodedata import bidirectional, category

from msgspec import UNSET, Meta, Struct, UnsetType

from proto.control import PAST_RULES_MAX
from proto.control.requests import REASON_CHARS_MAX
from proto.notify import ALERTS_MAX
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.units import Cursor, Name, OptionalName, Sequence, TimeNs

ReasonText = Annotated[str, Meta(min_length=1, max_length=REASON_CHARS_MAX, pattern=r"\S")]
"""A person's reason, not only blanks."""

_NOT_SHOWN: Final = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories of control characters, surrogates and separators of lines."""

_DIRECTION: Final = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
"""Bidirectional classes of the characters that change the direction of the text after them."""


class ReasonBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The person's reason, which is kept in the ledger."""

    reason: ReasonText

    def __post_init__(self) -> None:
        """Refuse characters that a terminal would carry out instead of showing them."""
        for character in self.reason:
            if category(character) in _NOT_SHOWN or bidirectional(character) in _DIRECTION:
                raise ValueError(f"reason has the character U+{ord(character):04X}, expected text without controls")


class CloseBody(ReasonBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Close a position at the market: `position` is its ticket, 0 for every position in the symbol.

    `volume` is in lots, null for the whole volume.
    """

    symbol: Name
    position: Cursor = 0
    volume: Decimal | None = None


class OrderBody(ReasonBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Buy or sell by hand, under the same risk rules as a signal.

    `price` is required for LIMIT and STOP. `past_rules` are the codes of the rules that the person overrides.
    """

    symbol: Name
    side: Side
    volume: Decimal
    type: OrderType = OrderType.MARKET
    price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    trailing_stop_points: Cursor = 0
    expires_ns: TimeNs = 0
    past_rules: Annotated[list[Name], Meta(max_length=PAST_RULES_MAX)] = []


class CancelBody(ReasonBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cancel a resting order."""

    order_id: Name


class ModifyBody(ReasonBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change a resting order, or the stops of a position.

    `order_id` names the order. If it is empty, `symbol` and `position` name the position: its ticket, or 0 for the only
    position in the symbol. The other fields are the new values, of which at least one is given. A stop that is absent
    stays unchanged, and a trailing stop keeps trailing; null removes a stop. A given stop loss, also null, ends the
    position's trailing stop. Null leaves `price` unchanged, 0 leaves `expires_ns` unchanged.
    """

    symbol: Name
    stop_loss: Decimal | UnsetType | None = UNSET
    take_profit: Decimal | UnsetType | None = UNSET
    order_id: OptionalName = ""
    position: Cursor = 0
    price: Decimal | None = None
    expires_ns: TimeNs = 0


class AcknowledgeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Acknowledge alerts: those with `numbers`, or with `all_open` every open one."""

    numbers: Annotated[list[Sequence], Meta(max_length=ALERTS_MAX)] = []
    all_open: bool = False

    def __post_init__(self) -> None:
        """Refuse a body that names no alert, or both some and all.

        Raises:
            ValueError: `numbers` is empty without `all_open`, or given with it.
        """
        if bool(self.numbers) == self.all_open:
            given = f"{len(self.numbers)} numbers" if self.numbers else "none"
            raise ValueError(
                f"numbers has {given} and all_open is {str(self.all_open).lower()}, expected numbers or all_open"
            )
