"""The OpenAPI document is valid, describes each operation, and matches what the readers accept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from services.web.api.openapi import document, error_types
from services.web.api.operation import API, Operation
from services.web.api.operations import OPERATIONS
from services.web.api.values import body_values, query_values

DOCUMENT: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document(OPERATIONS, "1.2.3")))


def described(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][API + operation.path][operation.method.lower()]
    return found


def values_of(value: object, name: str) -> Iterator[Any]:
    """Every value of a name in a document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == name:
                yield inner
            yield from values_of(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from values_of(inner, name)


def test_the_document_keeps_the_schema_of_openapi() -> None:
    assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)] == []


def test_each_reference_has_a_target() -> None:
    references = set(values_of(DOCUMENT, "$ref"))
    schemas = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert references <= schemas
    assert "#/components/schemas/StateView" in references


def test_each_operation_is_described_with_its_errors() -> None:
    assert sum(len(methods) for methods in DOCUMENT["paths"].values()) == len(OPERATIONS)
    for operation in OPERATIONS:
        statuses = {int(status) for status in described(operation)["responses"]}
        assert statuses == {operation.success, *error_types(operation)}, operation.name


def test_a_command_takes_a_token_or_a_cookie_with_its_csrf_token() -> None:
    [halt] = (one for one in OPERATIONS if one.name == "halt")
    assert described(halt)["security"] == [{"bearer": []}, {"cookie": [], "csrf": []}]
    [key] = described(halt)["parameters"]
    assert (key["name"], key["in"], key["required"]) == ("Idempotency-Key", "header", True)
    [state] = (one for one in OPERATIONS if one.name == "state")
    assert described(state)["security"] == [{"bearer": []}, {"cookie": []}]


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.query is not None], ids=lambda one: one.name)
def test_each_described_parameter_is_accepted_at_its_bounds(operation: Operation) -> None:
    parameters = [one for one in described(operation)["parameters"] if one["in"] == "query"]
    assert [one["name"] for one in parameters] == list(operation.query.__struct_fields__)  # type: ignore[union-attr]
    required = {one["name"]: "x" for one in parameters if one["required"]}
    for parameter in parameters:
        schema = parameter["schema"]
        values = schema.get("enum") or [schema.get("minimum", "x"), schema.get("maximum", "x")]
        for value in values:
            if parameter["name"] != "cursor":
                pairs = {**required, parameter["name"]: value}
                query_values("&".join(f"{name}={text}" for name, text in pairs.items()).encode(), operation.query)


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.example is not None], ids=lambda one: one.name)
def test_each_example_of_a_body_is_accepted(operation: Operation) -> None:
    example = described(operation)["requestBody"]["content"]["application/json"]["example"]
    assert operation.body is not None
    assert body_values(json.dumps(example).encode(), operation.body) == operation.example


def test_bodies_refuse_further_fields() -> None:
    for operation in OPERATIONS:
        if operation.body is not None:
            schema = DOCUMENT["components"]["schemas"][operation.body.__name__]
            assert schema["additionalProperties"] is False, operation.name
