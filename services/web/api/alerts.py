"""Handlers of the alerts: their pages, one alert, and the acknowledgement, which notify carries out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from msgspec import Struct, structs

from common.errors import StartError
from proto.notify import AcknowledgeAlerts
from services.web.api.alert_views import AcknowledgedView, AlertsPage, AlertView
from services.web.api.bodies import AcknowledgeBody
from services.web.api.errors import RequestError
from services.web.api.operation import Call
from services.web.api.queries import AlertsParameters
from services.web.api.schemas import ErrorView
from services.web.desk.notify_requests import NotifyRefusedError, NotifySilentError
from services.web.read_model.alert_book import AlertFilter
from services.web.read_model.paging import FilterError

ALERT_ERRORS: Final[Mapping[int, type[Struct]]] = {503: ErrorView}
"""Errors of every read of the alerts."""

ACKNOWLEDGE_ERRORS: Final[Mapping[int, type[Struct]]] = {422: ErrorView, 503: ErrorView}
"""Errors of the acknowledgement."""

_NUMBER_DIGITS_MAX: Final = 18

T = TypeVar("T")


async def alerts(call: Call) -> AlertsPage:
    """A page of alerts."""
    wanted = AlertFilter(**structs.asdict(call.parameters(AlertsParameters)))
    return await _read(lambda: call.backend.live.alerts.page(wanted))


async def alert(call: Call) -> AlertView:
    """One alert.

    Raises:
        RequestError: 404, there is no such alert.
    """
    text = call.path["id"]
    is_number = text.isascii() and text.isdecimal() and len(text) <= _NUMBER_DIGITS_MAX
    found = await _read(lambda: call.backend.live.alerts.alert(int(text))) if is_number else None
    if found is None:
        raise RequestError(404, f"id is {text!r}, expected the number of an alert")
    return found


async def acknowledge(call: Call) -> AcknowledgedView:
    """Acknowledge alerts in the name of the caller.

    Raises:
        RequestError: 422, notify refuses, for example a number without an alert; 503, notify does not answer.
    """
    body = call.content(AcknowledgeBody)
    request = AcknowledgeAlerts(numbers=body.numbers, all_open=body.all_open, person=call.user)
    try:
        reply = await call.backend.live.notify.acknowledge(request)
    except NotifySilentError as error:
        raise RequestError(503, str(error)) from None
    except NotifyRefusedError as error:
        raise RequestError(422, str(error)) from None
    return AcknowledgedView(count=reply.count, acknowledged=reply.rows)


async def _read(read: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(read)
    except FilterError as error:
        raise RequestError(400, str(error)) from None
    except StartError as error:
        raise RequestError(503, str(error)) from None
