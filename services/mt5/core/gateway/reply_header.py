"""The fields common to all replies of the gateway."""

from __future__ import annotations

from typing import Any, NamedTuple

from proto.gateway import ErrorCode, ErrorReply, GatewayMode, Request


class ReplyHeader(NamedTuple):
    """Venue, account, mode, and the id of this start of the gateway."""

    venue: str
    account: str
    boot_id: str
    mode: GatewayMode = "simulated"

    def fields(self, request_id: str, *, status: str = "OK") -> dict[str, Any]:
        """The common fields of a reply, without error and error code."""
        return {
            "status": status,
            "request_id": request_id,
            "mode": self.mode,
            "venue": self.venue,
            "account": self.account,
            "boot_id": self.boot_id,
        }

    def error(self, request_id: str, code: ErrorCode, text: str) -> ErrorReply:
        """The reply to a request that was refused or failed. `text` is cut to 512 characters."""
        return ErrorReply(**self.fields(request_id, status="ERROR"), error=text[:512], error_code=code)

    def not_available(self, request: Request) -> ErrorReply:
        """The refusal of an action that this gateway does not support."""
        text = f"this gateway does not support {request.__struct_config__.tag}"
        return self.error(request.request_id, ErrorCode.NOT_AVAILABLE, text)
