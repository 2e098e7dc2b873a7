"""The notify process: it tells people what happens on the desk, by the rules in NOTIFY_FILE.

It reads the ledger, the watchdog's alert log and portfolio's status, and sends messages to targets such as a phone or a
mailbox. No other process waits for it, so it can hang or crash without effect on trading. Its place in the ledger and
in the alert log, its alerts and its messages are in one file, so that a kill loses no message.
"""

from __future__ import annotations

from typing import Final

NOTIFY_FILE_NAME: Final = "notify.db"
"""Name of the file in the data directory."""
