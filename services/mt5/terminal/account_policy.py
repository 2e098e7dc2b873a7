"""Accounts that may be traded: demo and contest accounts, and a real one with a setting and an operator's token."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Final, Literal

from common.errors import StartError
from common.text_files import EncodingError, read_text
from proto.gateway import ErrorCode
from services.mt5.core.ports.terminal import Unavailable
from services.mt5.terminal import mt5_types
from services.mt5.terminal.mt5_types import Mt5Account

TOKEN_CHARS_MIN: Final = 16

Mode = Literal["demo", "live"]


def mode_of(account: Mt5Account) -> Mode:
    """The mode in replies: `live` for an account with real money, `demo` for demo and contest accounts."""
    return "live" if account.trade_mode not in _WITHOUT_MONEY else "demo"


_WITHOUT_MONEY: Final = (mt5_types.ACCOUNT_TRADE_MODE_DEMO, mt5_types.ACCOUNT_TRADE_MODE_CONTEST)


class AccountPolicy:
    """The account that this gateway trades, and whether it may be a real one."""

    def __init__(self, *, login: int, is_real_allowed: bool) -> None:
        """Allow only the account with the number `login`, and a real account only if `is_real_allowed`."""
        self.login = login
        self._is_real_allowed = is_real_allowed

    def violation(self, account: Mt5Account) -> Unavailable | None:
        """Why the account that the terminal is logged in to must not be traded; None if it may."""
        if account.login != self.login:
            problem = f"the terminal is logged in to account {account.login}, expected {self.login} (MT5_LOGIN)"
            return Unavailable(ErrorCode.WRONG_ACCOUNT, problem)
        if mode_of(account) == "live" and not self._is_real_allowed:
            problem = f"account {account.login} is a real one, expected a demo account (MT5_ALLOW_REAL is not yes)"
            return Unavailable(ErrorCode.DEMO_ONLY, problem)
        return None


def is_real_allowed(*, allow: bool, token: str, token_file: Path | None) -> bool:
    """Whether an operator has allowed a real account, which needs MT5_ALLOW_REAL and two equal tokens.

    Args:
        allow: whether MT5_ALLOW_REAL is yes.
        token: the value of MT5_REAL_TOKEN.
        token_file: the file of MT5_REAL_TOKEN_FILE, which must have the same token.

    Raises:
        StartError: `allow` is True, but a token is missing or too short, or the tokens differ.
    """
    if not allow:
        return False
    if token_file is None or len(token) < TOKEN_CHARS_MIN:
        raise StartError(
            f"MT5_ALLOW_REAL: value 'yes', expected MT5_REAL_TOKEN of at least {TOKEN_CHARS_MIN} characters and the "
            "same text in MT5_REAL_TOKEN_FILE; without them only demo accounts are traded"
        )
    try:
        written = read_text(token_file).strip()
    except (OSError, EncodingError) as error:
        raise StartError(f"MT5_REAL_TOKEN_FILE: {token_file} cannot be read: {error}") from None
    if not hmac.compare_digest(written.encode(), token.encode()):
        raise StartError(f"MT5_REAL_TOKEN: value '**********', expected the token in {token_file}")
    return True
