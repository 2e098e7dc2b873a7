"""PROTOCOL.md describes every message and its fields in a separate section."""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from proto import control, gateway, messages, notify
from proto.control import views
from proto.messages import CallOutcome
from proto.trading.instrument import Instrument

DOCUMENT = Path(messages.__file__).with_name("PROTOCOL.md").read_text(encoding="utf-8")
HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)

RECORDS: dict[type, str] = {
    messages.SymbolReport: "hello",
    gateway.VenueDeal: "deals",
    gateway.VenueOrder: "orders",
    gateway.VenuePosition: "positions",
    gateway.TickCounts: "confirm",
    Instrument: "symbol",
    control.Difference: "RECONCILE",
    control.PositionLine: "STATUS",
    control.LatencyQuantiles: "STATUS",
    views.OrderRow: "ORDERS",
    views.FillRow: "FILLS",
    views.PositionRow: "POSITIONS",
    views.LotRow: "POSITIONS",
    views.ProtectionRow: "POSITIONS",
    views.EquityPointRow: "EQUITY",
    views.RiskRow: "RISK",
    views.WhyStep: "WHY",
    views.WhyLine: "WHY",
    notify.AlertLine: "ALERTS",
    notify.DeliveryLine: "ALERTS",
    notify.AcknowledgedLine: "ACKNOWLEDGE",
}
"""Types of maps inside messages, and the tag of the message whose section describes them."""


def sections() -> list[tuple[str, str, str]]:
    """(chapter, heading, text) of every section, without its subsections."""
    found = []
    chapter = ""
    parts = [(match[1], match[2], match.end()) for match in HEADING.finditer(DOCUMENT)]
    starts = [match.start() for match in HEADING.finditer(DOCUMENT)]
    ends = [*starts[1:], len(DOCUMENT)]
    for (hashes, title, start), end in zip(parts, ends, strict=True):
        if len(hashes) == 2:
            chapter = title
        found.append((chapter, title, DOCUMENT[start:end]))
    return found


def text_of(tag: str, chapter: str, *, fields: tuple[str, ...] = ()) -> str:
    """The section on `tag` in a chapter; if a request and a reply have one tag, the section with more of `fields`."""
    fitting = [text for where, title, text in sections() if where.startswith(chapter) and f"`{tag}`" in title]
    assert fitting, f"no section on `{tag}` in chapter {chapter}"
    return max(fitting, key=lambda text: sum(f"`{field}`" in text for field in fields))


def chapter_of(message: Any) -> str:
    if message in get_args(messages.TickMessage):
        return "4"
    if message in (*get_args(messages.SignalMessage), messages.SymbolReport, messages.StrategyReport):
        return "5"
    if message is messages.LedgerCommit:
        return "12"
    if message is messages.Call or message in get_args(messages.ReportMessage):
        return "6"
    if message.__module__ == notify.__name__:
        return "13"
    return "11" if message.__module__.startswith(control.__name__) else "7"


def tag_of(message: Any) -> str:
    return str(message.__struct_config__.tag)


BUS: tuple[Any, ...] = (
    *get_args(messages.TickMessage),
    *get_args(messages.SignalMessage),
    messages.StrategyReport,
    messages.Call,
    messages.LedgerCommit,
    *get_args(messages.ReportMessage),
)
REQUESTS: tuple[Any, ...] = get_args(gateway.Request)
REPLIES: tuple[Any, ...] = get_args(gateway.Reply)
CONTROL: dict[Any, str] = {
    control.StatusReply: "STATUS",
    control.ReconcileReply: "RECONCILE",
    control.TradingReply: "HALT",
    control.OrderCommandReply: "CANCEL",
    control.RiskResetReply: "RISK_RESET",
    views.OrdersReply: "ORDERS",
    views.FillsReply: "FILLS",
    views.PositionsReply: "POSITIONS",
    views.AccountView: "ACCOUNT",
    views.EquityReply: "EQUITY",
    views.RiskReply: "RISK",
    views.WhyReply: "WHY",
    views.LatencyReply: "LATENCY",
    control.ControlError: "error",
}


@pytest.mark.parametrize("message", [*BUS, *REQUESTS], ids=tag_of)
def test_every_message_has_a_section_with_all_its_fields(message: Any) -> None:
    fields = tuple(field for field in message.__struct_fields__ if field != "request_id")
    text = text_of(tag_of(message), chapter_of(message), fields=fields)
    assert [field for field in fields if f"`{field}`" not in text] == []


@pytest.mark.parametrize("message", REPLIES, ids=tag_of)
def test_every_reply_has_a_section_with_all_fields_that_not_all_replies_have(message: Any) -> None:
    shared = gateway.ErrorReply.__struct_fields__
    assert [field for field in shared if f"`{field}`" not in text_of_title("Replies")] == []
    own = tuple(field for field in message.__struct_fields__ if field not in shared)
    text = text_of(tag_of(message), "7", fields=own)
    assert [field for field in own if f"`{field}`" not in text] == []


@pytest.mark.parametrize("message", CONTROL, ids=tag_of)
def test_the_section_of_a_command_describes_its_reply(message: Any) -> None:
    text = text_of(CONTROL[message], "11")
    assert f"`{tag_of(message)}`" in text
    assert [field for field in message.__struct_fields__ if f"`{field}`" not in text] == []


@pytest.mark.parametrize(
    ("request_type", "reply_type"),
    [(notify.AcknowledgeAlerts, notify.AcknowledgeReply), (notify.AlertsQuery, notify.AlertsReply)],
    ids=tag_of,
)
def test_the_section_of_a_request_to_notify_describes_its_fields_and_its_reply(
    request_type: Any, reply_type: Any
) -> None:
    text = text_of(tag_of(request_type), "13")
    assert f"`{tag_of(reply_type)}`" in text
    fields = (*request_type.__struct_fields__, *reply_type.__struct_fields__)
    assert [field for field in fields if f"`{field}`" not in text] == []


OF_PERSONS = (
    *get_args(control.ViewQuery),
    *get_args(control.TradingCommand),
    *get_args(control.OrderCommand),
    control.RiskResetCommand,
)


@pytest.mark.parametrize("request_type", OF_PERSONS, ids=tag_of)
def test_every_field_of_a_query_or_command_is_described_and_marked_if_required(
    request_type: Any,
) -> None:
    tag = tag_of(request_type)
    text = rows_of(tag, text_of(tag, "11")) + text_of_title("Pages")
    for field in msgspec.structs.fields(request_type):
        assert f"`{field.name}`" in text, field.name
        assert (f"`{field.name}` *" in text) == field.required, field.name


def rows_of(tag: str, text: str) -> str:
    """The text without the rows of other commands, whose second column names commands."""
    rows = []
    for line in text.splitlines():
        second = line.split("|")[2] if line.startswith("| `") else ""
        if f"`{tag}`" in second or not re.search(r"`[A-Z]+`", second):
            rows.append(line)
    return "\n".join(rows)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_the_section_of_a_message_describes_the_maps_inside_it(record: Any) -> None:
    fields = msgspec.structs.fields(record)
    names = tuple(field.name for field in fields)
    text = text_of(RECORDS[record], chapter_of(record), fields=names)
    assert [name for name in names if f"`{name}`" not in text] == []


@pytest.mark.parametrize("request_type", REQUESTS, ids=tag_of)
def test_required_fields_are_marked(request_type: Any) -> None:
    text = text_of(tag_of(request_type), "7", fields=request_type.__struct_fields__)
    for field in msgspec.structs.fields(request_type):
        marked = f"`{field.name}` *" in text
        assert marked == field.required, field.name


@pytest.mark.parametrize("request_type", REQUESTS, ids=tag_of)
def test_the_section_of_a_request_links_to_its_reply(request_type: Any) -> None:
    text = text_of(tag_of(request_type), "7", fields=request_type.__struct_fields__)
    assert re.search(rf"Repl(y|ies): .*\[`{tag_of(request_type.reply_type)}`\]", text)


def test_every_error_code_has_one_row() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|", text_of_title("9 Error codes"), re.MULTILINE)
    assert sorted(rows) == sorted(gateway.ErrorCode)


def test_the_document_names_every_status_and_state() -> None:
    order, status = text_of("order", "7", fields=gateway.OrderReply.__struct_fields__), text_of("STATUS", "11")
    assert [known for known in gateway.OrderReplyStatus if f"`{known}`" not in order] == []
    assert [known for known in control.TradingState if f"`{known}`" not in status] == []
    assert [known for known in control.DeskState if f"`{known}`" not in status] == []
    assert [known for known in CallOutcome if f"`{known}`" not in text_of("answer", "6")] == []
    deals = text_of("deals", "7", fields=gateway.VenueDeal.__struct_fields__)
    kinds = (*gateway.DealKind, *gateway.DealEntry)
    assert [known for known in kinds if f"`{known}`" not in deals] == []


def test_links_inside_the_page_have_existing_targets() -> None:
    seen: dict[str, int] = {}
    anchors = set()
    for match in HEADING.finditer(DOCUMENT):
        anchor = re.sub(r"[^\w\- ]", "", match[2].lower()).replace(" ", "-")
        count = seen.get(anchor, 0)
        seen[anchor] = count + 1
        anchors.add(f"{anchor}-{count}" if count else anchor)
    assert [link for link in re.findall(r"\]\(#([^)]+)\)", DOCUMENT) if link not in anchors] == []


def text_of_title(title: str) -> str:
    return next(text for _, found, text in sections() if found == title)
