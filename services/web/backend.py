"""The parts of the web process that answer requests, opened from its settings."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.web.desk.live_desk import LiveDesk
from services.web.live.socket import Identify
from services.web.read_model.index import ReadModel
from services.web.security.access import Access
from services.web.security.identity import Identity
from services.web.security.requester import Scope
from services.web.settings import WebSettings


@dataclass(frozen=True)
class Backend:
    """All parts; `live` watches the desk while the application runs."""

    settings: WebSettings
    access: Access
    live: LiveDesk

    @property
    def ledger(self) -> ReadModel:
        """The index of the ledger."""
        return self.live.model


@contextmanager
def open_backend(settings: WebSettings) -> Iterator[Backend]:
    """Open all parts, and close them at the end of the block; the end of the application closes `live`.

    Raises:
        StartError: a file of the data directory cannot be used, or the settings do not permit this WEB_HOST.
    """
    access = Access(settings)
    try:
        yield Backend(settings, access, LiveDesk(settings, identify=_identify(access)))
    finally:
        access.close()


def _identify(access: Access) -> Identify:
    async def identify(scope: Scope) -> Identity | None:
        return await asyncio.to_thread(access.identity, scope)

    return identify
