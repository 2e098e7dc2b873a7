"""Sending of a person's command on the trading state to portfolio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cli.gateway_commands import TIMEOUT_S
from common.control_client import ControlClient
from common.errors import StartError
from orchestration.address_files import is_listening
from proto.control import TradingCommand, TradingReply

NOTICE_S: Final = 1.0
"""Seconds without a reply from portfolio after which a notice is given."""

RESTART_S: Final = 3.0
"""A killed portfolio listens again within this time. If the socket is closed for longer, portfolio does not run."""

GATEWAY_HINT: Final = "--at-gateway sends the command to the gateway"


def send_trading_command(url: str, command: TradingCommand, notice: Callable[[str], None]) -> TradingReply:
    """Portfolio's reply, also when portfolio restarts or waits for its disk.

    Args:
        url: portfolio's control socket.
        command: the command, with a key, so that it is executed once although it may be sent again.
        notice: called with a line of text if the reply takes long.

    Raises:
        StartError: nothing listens at `url`, or no reply came in time.
    """
    with ControlClient(url) as client:
        reply = client.request(command, TradingReply, timeout_s=NOTICE_S)
        if reply is None:
            notice(f"{url} has not answered within {NOTICE_S:.0f} s; sending the command again")
            reply = client.request(command, TradingReply, timeout_s=RESTART_S - NOTICE_S)
        if reply is None and not is_listening(url):
            raise StartError(
                f"nothing listens at {url}, expected a running desk; the outcome is unknown, {GATEWAY_HINT}"
            )
        reply = reply or client.request(command, TradingReply, timeout_s=TIMEOUT_S + NOTICE_S - RESTART_S)
    if reply is None:
        raise StartError(
            f"{url} did not answer within {NOTICE_S + TIMEOUT_S:.0f} s; the outcome is unknown, "
            f"repeat the command; {GATEWAY_HINT}"
        )
    return reply
