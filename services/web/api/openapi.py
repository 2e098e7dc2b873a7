"""The OpenAPI 3.1 document of the HTTP API, made from the table of operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from proto.trading.units import NAME_CHARS_MAX
from services.web.api.errors import ERROR_TEXTS
from services.web.api.operation import API, KEY_HEADER, Operation
from services.web.api.schemas import ErrorView
from services.web.security.access import COOKIE
from services.web.security.request_checks import CSRF_HEADER

_REFERENCE: Final = "#/components/schemas/{name}"
_COOKIE_TEXT: Final = "The session of a person; the name of the cookie ends with the name of the desk's store."
_ERROR_EXAMPLE: Final = {"error": "limit is '501', expected an integer from 1 to 500"}


def error_types(operation: Operation) -> dict[int, type[Struct]]:
    """Statuses of an operation's errors in ascending order, each with the type of its body."""
    statuses = {400, 421}
    if operation.role is not None:
        statuses |= {401, 403}
    if operation.body is not None:
        statuses |= {413, 415}
    if operation.parameters:
        statuses.add(404)
    found: dict[int, type[Struct]] = {**dict.fromkeys(statuses, ErrorView), **operation.errors}
    return dict(sorted(found.items()))


def document(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """Return the document as plain values for JSON; `version` is that of paperdesk."""
    types = list(_types(operations))
    _, components = msgspec.json.schema_components([kind for _, kind in types], ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(API + operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Paperdesk",
            "version": version,
            "description": "State, history and commands of a paper-trading desk. Decimals are exact text. Fields that "
            "end in _ns are nanoseconds since 1970-01-01 UTC. An unknown parameter or field is an error.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token for scripts."},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": _COOKIE_TEXT},
                "csrf": {
                    "type": "apiKey",
                    "in": "header",
                    "name": CSRF_HEADER,
                    "description": "The csrf_token of the session, for a request with a cookie that changes something.",
                },
            },
        },
    }


def _types(operations: Sequence[Operation]) -> Iterator[tuple[str, Any]]:
    """Every type of a body or reply."""
    for operation in operations:
        if operation.reply is not None:
            yield operation.name, operation.reply
        if operation.body is not None:
            yield operation.name, operation.body
        for kind in error_types(operation).values():
            yield operation.name, kind


def _schema(kind: Any) -> dict[str, Any]:
    [schema], _ = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
    return schema


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": _security(operation),
        "parameters": [*_path_parameters(operation), *_query_parameters(operation), *_headers(operation)],
        "responses": _responses(operation),
    }
    if operation.body is not None:
        content: dict[str, Any] = {"schema": _schema(operation.body)}
        if operation.example is not None:
            content["example"] = msgspec.to_builtins(operation.example)
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    return described


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    if operation.role is None:
        return []
    changes = operation.method not in ("GET", "HEAD")
    return [{"bearer": []}, {"cookie": [], "csrf": []} if changes else {"cookie": []}]


def _path_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for name, kind in operation.parameters.items():
        yield _parameter(operation, name, "path", _schema(kind), is_required=True)


def _query_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.query is None:
        return
    [reference], components = msgspec.json.schema_components([operation.query], ref_template=_REFERENCE)
    schema = components[reference["$ref"].rpartition("/")[2]]
    for name, described in schema["properties"].items():
        yield _parameter(
            operation, name, "query", _without_null(described, components), is_required=name in schema["required"]
        )


def _without_null(schema: dict[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a query parameter that is given: not null, and without references."""
    if "anyOf" in schema:
        [schema] = (one for one in schema["anyOf"] if one != {"type": "null"})
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    return {name: value for name, value in schema.items() if value is not None}


def _headers(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.is_command:
        schema = {"type": "string", "minLength": 1, "maxLength": NAME_CHARS_MAX, "pattern": "^[!-~]+$"}
        yield {
            **_parameter(operation, KEY_HEADER, "header", schema, is_required=True),
            "description": "Identifies the command: a repeat with the same key gets the stored reply and no effect.",
        }


def _parameter(
    operation: Operation, name: str, place: str, schema: dict[str, Any], *, is_required: bool
) -> dict[str, Any]:
    parameter = {"name": name, "in": place, "required": is_required, "schema": schema}
    if name in operation.values:
        parameter["example"] = operation.values[name]
    return parameter


def _responses(operation: Operation) -> dict[str, Any]:
    success: dict[str, Any] = {"description": operation.summary}
    if operation.reply is not None:
        success["content"] = {"application/json": {"schema": _schema(operation.reply)}}
    responses = {str(operation.success): success}
    for status, kind in error_types(operation).items():
        content: dict[str, Any] = {"schema": _schema(kind)}
        if status == 400:
            content["example"] = _ERROR_EXAMPLE
        responses[str(status)] = {"description": ERROR_TEXTS[status], "content": {"application/json": content}}
    return responses


def operations_table(operations: Sequence[Operation]) -> str:
    """The table of operations as Markdown, which docs/web.md contains."""
    lines = ["| operation | role | what it does |", "|---|---|---|"]
    lines += [f"| `{one.method} {one.path}` | {one.role or 'none'} | {one.summary} |" for one in operations]
    return "\n".join(lines)
