"""`paperdesk notify check`, `test` and `receive`: try alarms to people before they are needed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.alarm_options import read_addresses
from cli.tables import show_rows
from cli.webhook_receiver import WebhookReceiver, show_on_terminal
from common.clock import wall_ns
from common.errors import StartError
from common.settings import load
from proto.control import Severity
from proto.time import utc_text
from services.notify.delivery.apprise_target import AppriseTarget
from services.notify.delivery.dead_mans_switch import DeadMansSwitch
from services.notify.delivery.secrets import read_secret
from services.notify.rules_file import NotifyFile, errors_name, load_notify_file
from services.notify.settings import NotifySettings

app = typer.Typer()
group = typer.Typer(help="Alarms to people: check the rules, test a target, receive messages on this host.")
app.add_typer(group, name="notify")

EXAMPLE: Final = "[bold]Example[/bold]\n\n  paperdesk notify {}"
DEFAULT_PORT: Final = 8790
HEARTBEAT: Final = "heartbeat"
"""Name with which `test` calls the address of the dead man's switch."""

RulesFile = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="File of targets and rules.", show_default="NOTIFY_FILE"),
]


@group.command(epilog=EXAMPLE.format("check notify.toml"))
def check(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="File of targets and rules.", show_default="NOTIFY_FILE"),
    ] = None,
) -> int:
    """Check a file of targets and rules and the addresses of its targets, and list them without secrets."""
    path, found = _load(file)
    targets = []
    for name, source in found.targets.items():
        with errors_name(path, f"targets.{name}"):
            service = AppriseTarget(name, read_secret(source)).service
        targets.append({"target": name, "service": service, "address": f"from {source}"})
    if found.heartbeat is not None:
        service = f"called every {found.heartbeat.every_s} s while the desk trades"
        targets.append({"target": HEARTBEAT, "service": service, "address": f"from {found.heartbeat.secret}"})
    rules = [
        {
            "rule": rule.name,
            "events": ", ".join(rule.events),
            "severity": rule.severity.value,
            "symbols": ", ".join(rule.symbols) or "all",
            "targets": ", ".join(rule.targets),
            "escalation": f"after {rule.escalate_after_s} s to {', '.join(rule.escalate_to)}"
            if rule.escalate_to
            else "",
        }
        for rule in found.rules.rules
    ]
    print(f"{path} is valid; its local times are in {found.rules.zone}")
    show_rows(targets, ("target", "service", "address"), none="no targets")
    show_rows(rules, ("rule", "events", "severity", "symbols", "targets", "escalation"), none="no rules")
    if found.rules.summary_at is not None:
        print(f"daily summary at {found.rules.summary_at:%H:%M}")
    return 0


@group.command("test", epilog=EXAMPLE.format("test phone"))
def send_test(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help=f"Name of a target, or {HEARTBEAT}.", show_default=False)
    ],
    file: RulesFile = None,
) -> int:
    """Send a test message to a target directly, and show whether the service accepted it.

    Exit code 1 if it was not accepted. The message is not stored, and a running desk does not notice it.

    Raises:
        StartError: the file or the target is unknown or invalid.
    """
    _, found = _load(file)
    if target == HEARTBEAT and found.heartbeat is not None:
        problem = DeadMansSwitch(read_secret(found.heartbeat.secret), found.heartbeat.every_s).call()
        return _result(target, "the address was called", problem)
    if target not in found.targets:
        names = [*found.targets, *([HEARTBEAT] if found.heartbeat is not None else [])]
        raise StartError(f"TARGET is '{target}', expected one of {', '.join(names)}")
    service = AppriseTarget(target, read_secret(found.targets[target]))
    desk = found.rules.desk
    problem = service.send(
        f"TEST {desk}: test message",
        f"This is a test of the target {target} of the desk {desk} at {utc_text(wall_ns())}. Nothing has happened.",
        Severity.INFO,
    )
    return _result(target, f"accepted by {service.service}", problem)


@group.command(epilog=EXAMPLE.format("receive"))
def receive(
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65_535, help="Port of 127.0.0.1.")] = (
        DEFAULT_PORT
    ),
    message_count: Annotated[
        int, typer.Option("--messages", metavar="N", min=0, help="End after N messages; 0 means until Ctrl-C.")
    ] = 0,
) -> int:
    """Print each message that is sent to this host, to try alarms without any service.

    It listens at a port of 127.0.0.1, until Ctrl-C or until N messages have come.
    """
    receiver = WebhookReceiver(port, show_on_terminal, messages_max=message_count)
    show_on_terminal(
        f"waiting for messages; the address of a target for them is json://127.0.0.1:{receiver.port}/ (Ctrl-C ends)"
    )
    try:
        receiver.serve()
    except KeyboardInterrupt:
        return 0
    finally:
        receiver.close()
    return 0


def _load(file: Path | None) -> tuple[Path, NotifyFile]:
    path = file or load(NotifySettings).notify_file
    if path is None:
        raise StartError("NOTIFY_FILE is not set, expected it or a file of targets and rules on the command line")
    found = load_notify_file(path)
    read_addresses(found, path)
    return path, found


def _result(target: str, success: str, problem: str) -> int:
    if problem:
        print(f"{target}: not accepted: {problem}", file=sys.stderr)
        return 1
    print(f"{target}: {success}")
    return 0
