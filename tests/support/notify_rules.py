"""Rules of notify for tests."""

from __future__ import annotations

from pathlib import Path


def notify_rules(folder: Path, *, port: int) -> Path:
    """Write rules that send every alert to the target `phone`; it and the heartbeat are at a port of this host."""
    for name, url in (("phone", f"json://127.0.0.1:{port}"), ("heartbeat", f"http://127.0.0.1:{port}/")):
        secret = folder / f"{name}.url"
        secret.touch(mode=0o600)
        secret.write_text(f"{url}\n", encoding="utf-8")
    rules = folder / "notify.toml"
    rules.write_text(
        """
[targets.phone]
url_file = "phone.url"

[heartbeat]
url_file = "heartbeat.url"

[[rules]]
name = "all"
events = ["*"]
targets = ["phone"]
""",
        encoding="utf-8",
    )
    return rules
