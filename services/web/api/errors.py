"""Errors of the HTTP API: a status with a JSON object whose `error` is one line."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from services.web.api.schemas import ErrorView

ERROR_TEXTS = {
    400: "A value of the request is wrong; the error names it, its value and the expectation.",
    401: "The request has no valid session or token.",
    403: "The role does not permit the operation, or the CSRF token or the Origin is wrong.",
    404: "The path, or what it names, does not exist.",
    405: "The path does not have this method; the header Allow lists its methods.",
    409: "The key was used for another command.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    421: "The header Host is not a name of this server.",
    422: "The desk refused the command or the acknowledgement, and did not carry it out.",
    429: "Too many attempts; the header Retry-After is the number of seconds to wait.",
    503: "A part of the desk does not answer.",
}
"""Meaning of each status of an error."""


class RequestError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, error: str | Struct, headers: Mapping[str, str] | None = None) -> None:
        """Create the error.

        Args:
            status: the HTTP status.
            error: one line, or a value with the field `error`.
            headers: further headers of the reply.
        """
        self.status = status
        self.view: Struct = ErrorView(error=error) if isinstance(error, str) else error
        self.headers = dict(headers or {})
        super().__init__(getattr(self.view, "error", ""))
