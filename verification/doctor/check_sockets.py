"""Check of the addresses that the processes bind: paths of sockets, and ports."""

from __future__ import annotations

import errno
import socket
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from common.settings import CommonSettings
from common.sockets import IPC_PATH_BYTES_MAX
from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Check, Findings, check, fine, found
from verification.doctor.port_owners import PortOwner, port_owner

BOUND: Final = ("signal_url", "command_url", "report_url", "control_url", "events_url", "strategy_url")
"""Settings of the addresses that processes of the desk bind, besides those of the gateway."""

LONGEST_NAME: Final = "supervisor.sock"
WILDCARDS: Final = {"*": "0.0.0.0", "localhost": "127.0.0.1"}  # noqa: S104 - tested with the address that is set


@check("sockets")
def sockets(desk: ExaminedDesk) -> Findings:
    """The paths of sockets, and the ports: free, or used by this desk."""
    if desk.shared is None:
        return
    results = [*_long_paths(desk, desk.shared), *_ports_twice(desk), *_ports_taken(desk)]
    yield from results
    if desk.has_other_settings:
        where = desk.runtime or "no runtime folder"
        yield found(
            "SETTINGS_OF_COMMAND", f"{where}; ports not examined, they are those of the command that started it"
        )
    elif not results:
        ports = sorted(port for _, _, port in _ports(desk))
        yield fine(f"{desk.runtime or 'no runtime folder'}; ports {', '.join(map(str, ports)) or 'none'}")


def _long_paths(desk: ExaminedDesk, shared: CommonSettings) -> Findings:
    addresses = [f"ipc://{desk.runtime}/{LONGEST_NAME}"] if desk.runtime is not None else []
    if desk.is_configured and not desk.has_other_settings:
        addresses += [getattr(shared, name) for name in BOUND]
    for address in addresses:
        path = address.removeprefix("ipc://")
        if address.startswith("ipc://") and len(path.encode()) > IPC_PATH_BYTES_MAX:
            yield found(
                "SOCKET_PATH_LONG", f"{path} has {len(path.encode())} bytes, expected at most {IPC_PATH_BYTES_MAX}"
            )
            return


def _ports(desk: ExaminedDesk) -> Iterator[tuple[str, str, int]]:
    """Setting, host and port of each TCP address that a process of this desk binds."""
    if not desk.is_configured or desk.has_other_settings:
        return
    if desk.mt5 is not None and desk.mt5.mt5_venue != "none":
        for name in ("mt5_request_url", "mt5_publish_url"):
            scheme, _, address = str(getattr(desk.mt5, name)).partition("://")
            host, _, port = address.rpartition(":")
            if scheme == "tcp" and port not in ("*", "0"):
                yield name.upper(), host, int(port)
    if desk.web is not None and desk.web.web_port:
        yield "WEB_PORT", desk.web.web_host, desk.web.web_port
    for service, one in desk.services.items():
        name = f"metrics_port_{service}"
        port_set: int = getattr(one.settings, name, None) or 0
        if one.settings is not None and port_set:
            yield name.upper(), one.settings.metrics_host, port_set


def _ports_twice(desk: ExaminedDesk) -> Findings:
    names = defaultdict(list)
    for name, _, port in _ports(desk):
        names[port].append(name)
    for port, given in names.items():
        if len(given) > 1:
            yield found("PORT_TWICE", f"{' and '.join(given)} both have {port}")


def _ports_taken(desk: ExaminedDesk) -> Findings:
    own_pids = {beat.pid for beat in desk.first_beats.values()}
    for name, host, port in _ports(desk):
        fault = _bind_fault(WILDCARDS.get(host, host), port)
        if fault is None:
            continue
        if fault != errno.EADDRINUSE:
            yield found("PORT_UNUSABLE", f"{name}: {host}:{port} cannot be bound: {_reason(fault)}")
            continue
        owner = port_owner(port)
        if owner is None and desk.is_running:
            continue  # probably the desk's own process, whose sockets this user may not see
        if owner is None or owner.pid not in own_pids:
            yield found("PORT_TAKEN", f"{name}: {host}:{port} is in use by {_described(owner)}")


def _bind_fault(host: str, port: int) -> int | None:
    """The error number of an attempt to bind an address, which is released at once; None for success."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            return error.errno or errno.EADDRNOTAVAIL
    return None


def _reason(number: int) -> str:
    return errno.errorcode.get(number, "the address is none of this host")


def _described(owner: PortOwner | None) -> str:
    return "another process, which this user cannot see" if owner is None else f"{owner.command} (pid {owner.pid})"


CHECKS: Final[tuple[Check, ...]] = (sockets,)
