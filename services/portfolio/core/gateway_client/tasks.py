"""Talking with the gateway through execution, one question at a time, whatever gets lost.

A conversation is a generator that yields gateway requests and is sent the replies, so that "ask, then ask about what was
answered" reads from top to bottom. A question stays open until it is answered: it is sent again, with the same call id
and the same bytes, after a while without an answer. Whether it may be asked twice is the request's affair; all of ours
may. A talk may also yield a `Pause`, and a *frank* one hears of silence (None) and of refusals itself.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from msgspec import Raw, Struct

from proto.codec import encode
from proto.gateway import (
    AccountReply,
    Buy,
    Cancel,
    Confirm,
    ConfirmReply,
    DealsReply,
    GetAccount,
    GetDeals,
    GetOrders,
    GetPositions,
    GetSymbolInfo,
    Hello,
    HelloReply,
    Modify,
    ModifyReply,
    OrderReply,
    OrdersReply,
    OrderStatusQuery,
    PositionsReply,
    Reply,
    Request,
    Sell,
    SymbolReply,
)
from proto.messages import Call


class Pause(Struct, frozen=True):
    """Go on after this long."""

    ns: int


Talk = Generator[Request | Pause, Reply | None, None]

RESEND_NS_FIRST: Final = 250_000_000
RESEND_NS_MAX: Final = 2_000_000_000
SILENCE_GRACE_NS: Final = 1_000_000_000
"""How much longer than execution's own patience a frank talk waits, where execution itself is away."""


REPLY_TYPES: Final[dict[type, type]] = {
    Hello: HelloReply,
    GetSymbolInfo: SymbolReply,
    GetDeals: DealsReply,
    GetAccount: AccountReply,
    GetOrders: OrdersReply,
    GetPositions: PositionsReply,
    Confirm: ConfirmReply,
    Buy: OrderReply,
    Sell: OrderReply,
    Cancel: OrderReply,
    OrderStatusQuery: OrderReply,
    Modify: ModifyReply,
}
"""The kind of reply that each of our questions asks for; any other is a refusal."""


class Conversation:
    """One generator and the question it waits for."""

    __slots__ = ("asked_mono_ns", "call", "is_done", "is_frank", "pause_ns", "request", "resend_mono_ns", "talk")

    def __init__(self, talk: Talk, *, is_frank: bool) -> None:
        """Nothing is asked before `Conversations.start`."""
        self.talk = talk
        self.is_frank = is_frank
        self.is_done = False
        self.call: Call
        self.request: Request
        self.asked_mono_ns = 0
        self.resend_mono_ns = 0
        self.pause_ns = RESEND_NS_FIRST


class Conversations:
    """All open questions, by call id."""

    def __init__(self, *, timeout_ms: int) -> None:
        """`timeout_ms` is what execution waits before it says NO_ANSWER."""
        self._timeout_ms = timeout_ms
        self._next_call_id = 1
        self._open: dict[int, Conversation] = {}
        self._asleep: list[tuple[int, Conversation]] = []

    def __len__(self) -> int:
        """How many questions wait for an answer."""
        return len(self._open)

    def number_from(self, first_call_id: int) -> None:
        """Count call ids from here.

        Each start of a process begins above every id of the one before, which the microseconds of the host's monotonic
        clock are: a late answer to the earlier process must not be taken for an answer to this one.
        """
        self._next_call_id = first_call_id

    def start(self, talk: Talk, mono_ns: int, *, is_frank: bool = False) -> tuple[Conversation, Call | None]:
        """Begin a conversation; the call is its first question, None when it has nothing to ask (yet)."""
        conversation = Conversation(talk, is_frank=is_frank)
        return conversation, self._proceed(conversation, None, mono_ns)

    def find(self, call_id: int) -> Conversation | None:
        """The conversation that waits for this call, None when nobody does (any more)."""
        return self._open.get(call_id)

    def answer(self, conversation: Conversation, reply: Reply | None, mono_ns: int) -> Call | None:
        """Give a conversation its reply and return its next question, None when it is done or pauses."""
        del self._open[conversation.call.call_id]
        return self._proceed(conversation, reply, mono_ns)

    def awake(self, mono_ns: int) -> list[tuple[Conversation, Call | None]]:
        """Go on with those whose pause is over and the frank ones that were left without an answer."""
        rested = [conversation for due_ns, conversation in self._asleep if due_ns <= mono_ns]
        self._asleep = [(due_ns, conversation) for due_ns, conversation in self._asleep if due_ns > mono_ns]
        unheard = [
            conversation
            for conversation in self._open.values()
            if conversation.is_frank and self._patience_ends(conversation) <= mono_ns
        ]
        for conversation in unheard:
            del self._open[conversation.call.call_id]
        return [(conversation, self._proceed(conversation, None, mono_ns)) for conversation in (*rested, *unheard)]

    def hurry(self, conversation: Conversation) -> None:
        """End its pause, if it has one."""
        self._asleep = [(0 if one is conversation else due_ns, one) for due_ns, one in self._asleep]

    def drop(self, conversation: Conversation) -> None:
        """Stop waiting: a later question makes this one needless."""
        self._open.pop(conversation.call.call_id, None)
        conversation.is_done = True

    def resend_all(self, mono_ns: int) -> list[Call]:
        """Every open question again: whoever carried them may have lost them."""
        return [self._again(conversation, mono_ns) for conversation in self._open.values()]

    def due(self, mono_ns: int) -> list[Call]:
        """The questions that have waited long enough to be asked again."""
        return [
            self._again(conversation, mono_ns)
            for conversation in self._open.values()
            if conversation.resend_mono_ns <= mono_ns
        ]

    def next_due_mono_ns(self) -> int | None:
        """When the next question would be asked again, or a pause ends; None when nothing is open."""
        dues = [due_ns for due_ns, _ in self._asleep]
        for conversation in self._open.values():
            dues.append(conversation.resend_mono_ns)
            if conversation.is_frank:
                dues.append(self._patience_ends(conversation))
        return min(dues, default=None)

    def _patience_ends(self, conversation: Conversation) -> int:
        return conversation.asked_mono_ns + self._timeout_ms * 1_000_000 + SILENCE_GRACE_NS

    def _proceed(self, conversation: Conversation, reply: Reply | None, mono_ns: int) -> Call | None:
        try:
            request = conversation.talk.send(reply)
        except StopIteration:
            conversation.is_done = True
            return None
        if isinstance(request, Pause):
            self._asleep.append((mono_ns + request.ns, conversation))
            return None
        ordered_mono_ns = mono_ns if isinstance(request, Buy | Sell) else 0
        call = Call(self._next_call_id, self._timeout_ms, ordered_mono_ns, Raw(encode(request)))
        self._next_call_id += 1
        conversation.request, conversation.call = request, call
        conversation.asked_mono_ns = mono_ns
        conversation.pause_ns = RESEND_NS_FIRST
        conversation.resend_mono_ns = mono_ns + RESEND_NS_FIRST
        self._open[call.call_id] = conversation
        return call

    @staticmethod
    def _again(conversation: Conversation, mono_ns: int) -> Call:
        conversation.pause_ns = min(conversation.pause_ns * 2, RESEND_NS_MAX)
        conversation.resend_mono_ns = mono_ns + conversation.pause_ns
        return conversation.call
