"""The link to an alert, which notify puts into messages and the page opens."""

from __future__ import annotations


def alert_link(page_url: str, number: int) -> str:
    """Return the address that opens an alert in the Journal of the page; empty without the address of a page.

    Args:
        page_url: address of the page, with or without a slash at its end; may be empty.
        number: the number of the alert.
    """
    return f"{page_url.rstrip('/')}/#/journal?alert={number}" if page_url else ""
