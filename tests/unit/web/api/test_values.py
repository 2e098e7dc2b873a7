"""Reading of parameters and bodies: exact values pass, and everything else gets one line with name and expectation."""

import json
from decimal import Decimal

import pytest
from msgspec import UNSET, Struct

from proto.trading.enums import OrderType, Side
from proto.trading.units import Name
from services.web.api.bodies import ModifyBody, OrderBody
from services.web.api.errors import RequestError
from services.web.api.queries import BarsParameters, LatencyParameters, OrdersParameters
from services.web.api.values import body_values, path_value, query_values
from services.web.security.sign_in import SignIn

ORDER = {"symbol": "EURUSD", "side": "BUY", "volume": "0.10", "reason": "test"}


def refusal_of_query(query: bytes, shape: type[Struct] | None = OrdersParameters) -> str:
    with pytest.raises(RequestError) as found:
        query_values(query, shape)
    assert found.value.status == 400
    assert "\n" not in str(found.value)
    return str(found.value)


def refusal_of_body(payload: bytes, shape: type[Struct] = OrderBody) -> str:
    with pytest.raises(RequestError) as found:
        body_values(payload, shape)
    assert found.value.status == 400
    assert "\n" not in str(found.value)
    return str(found.value)


def an_order(**fields: object) -> bytes:
    return json.dumps({**ORDER, **fields}).encode()


def test_a_query_becomes_the_values_of_its_struct() -> None:
    query = b"status=open&symbol=%23US500&side=SELL&from_ns=5&to_ns=5&sort=-profit&limit=500"
    assert query_values(query, OrdersParameters) == OrdersParameters(
        status="open", symbol="#US500", side=Side.SELL, from_ns=5, to_ns=5, sort="-profit", limit=500
    )
    assert query_values(b"", OrdersParameters) == OrdersParameters()
    assert query_values(b"period_s=300", BarsParameters) == BarsParameters(period_s=300)
    assert query_values(b"", None) is None


@pytest.mark.parametrize("text", ["1_0", "0x10", "1.0", "1e2", "NaN", "", "%205", "5%20", "%2B5", "0", "501", "٣"])
def test_a_number_that_is_not_a_plain_integer_in_range_is_refused(text: str) -> None:
    query = f"limit={text}".encode() if text.isascii() else b"limit=%D9%A3"
    assert refusal_of_query(query).endswith(", expected an integer from 1 to 500")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"limit=1&limit=2", "limit is '2' and '1', expected one value"),
        (b"Limit=1", "Limit is unknown, expected from_ns, to_ns, status"),
        (b"%0Alimit=1", "'\\nlimit' is unknown"),
        (b"side=buy", "side is 'buy', expected BUY or SELL"),
        (b"status=closed", "status is 'closed', expected all or open"),
        (b"symbol=", "symbol is '', expected a text of 1 to 64 characters"),
        (b"symbol=" + b"x" * 65, "expected a text of 1 to 64 characters"),
        (b"from_ns=-1", "from_ns is '-1', expected an integer from 0 to"),
        (b"from_ns=" + b"9" * 50_000, "expected an integer from 0 to"),
        (b"from_ns=2&to_ns=1", "from_ns is 2, expected at most to_ns 1"),
        (b"limit", "query is 'limit', expected name=value pairs"),
        (b"symbol=%FF", "query is 'symbol=%FF', expected name=value pairs in UTF-8"),
        (b"symbol=\xff", "expected name=value pairs in UTF-8"),
        (b"&".join(b"a%d=1" % n for n in range(100)), "expected name=value pairs"),
    ],
)
def test_a_wrong_query_is_refused(query: bytes, expected: str) -> None:
    assert expected in refusal_of_query(query)


def test_an_operation_without_parameters_refuses_each() -> None:
    assert refusal_of_query(b"x=1", None) == "x is unknown, expected no parameter or field"


def test_a_missing_parameter_is_named() -> None:
    assert refusal_of_query(b"", LatencyParameters) == "hop is missing, expected a text of 1 to 64 characters"


def test_a_period_is_one_of_the_list() -> None:
    assert refusal_of_query(b"period_s=7", BarsParameters) == (
        "period_s is '7', expected 1 or 5 or 15 or 60 or 300 or 900 or 3600"
    )


def test_a_parameter_of_the_path_has_the_length_of_a_name() -> None:
    assert path_value("symbol", "EUR/USD", Name) == "EUR/USD"
    with pytest.raises(RequestError, match="symbol is '', expected a text of 1 to 64 characters"):
        path_value("symbol", "", Name)


def test_a_body_becomes_the_values_of_its_struct() -> None:
    found = body_values(an_order(type="LIMIT", price="1.10000", stop_loss=None), OrderBody)
    assert (found.type, found.price, found.stop_loss, found.side) == (OrderType.LIMIT, Decimal("1.1"), None, Side.BUY)
    assert str(found.volume) == "0.10"


def test_a_stop_that_a_modification_leaves_out_is_not_null() -> None:
    found = body_values(b'{"symbol": "EURUSD", "reason": "r", "stop_loss": "1.05"}', ModifyBody)
    assert (found.stop_loss, found.take_profit) == (Decimal("1.05"), UNSET)
    found = body_values(b'{"symbol": "EURUSD", "reason": "r", "take_profit": null}', ModifyBody)
    assert (found.stop_loss, found.take_profit) == (UNSET, None)
    assert refusal_of_body(b'{"symbol": "EURUSD", "reason": "r", "stop_loss": 1.05}', ModifyBody) == (
        'stop_loss is 1.05, expected a decimal as text such as "0.01"'
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1, 'volume is 0.1, expected a decimal as text such as "0.01"'),
        (1, 'volume is 1, expected a decimal as text such as "0.01"'),
        (None, 'volume is null, expected a decimal as text such as "0.01"'),
        ([], 'volume is [], expected a decimal as text such as "0.01"'),
        ("NaN", "volume is 'NaN', expected a decimal of ASCII digits such as 0.01 or 1e-2"),
        ("1_0", "volume is '1_0', expected a decimal of ASCII digits such as 0.01 or 1e-2"),
        (" 1", "volume is ' 1', expected a decimal as text such as \"0.01\""),
        ("1e400", "volume is '1e400', expected a finite decimal of at most 28 digits and 12 decimals"),
    ],
)
def test_a_decimal_is_exact_text(value: object, expected: str) -> None:
    assert refusal_of_body(an_order(volume=value)) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", "body of 0 bytes is not a JSON object"),
        (b"\xff", "body of 1 bytes is not a JSON object"),
        (b"[1]", "body is a JSON list, expected an object"),
        (b'{"volume": NaN}', "is not a JSON object"),
        (b'{"volume": 1e400}', "is not a JSON object"),
        (b'{"reason": "\\ud800"}', "is not a JSON object"),
        (b'{"reason": "a", "reason": "b"}', "field 'reason' occurs twice"),
        (b"[" * 10_000, "too many opening brackets"),
        (an_order(comment="x"), "comment is unknown, expected reason, symbol, side"),
        (an_order(reason=""), "reason is '', expected a text of 1 to 200 characters"),
        (an_order(reason="x" * 201), "expected a text of 1 to 200 characters"),
        (an_order(reason=" \t "), "expected a text of 1 to 200 characters, not only blanks"),
        (an_order(side="Buy"), "side is 'Buy', expected BUY or SELL"),
        (an_order(trailing_stop_points=True), "trailing_stop_points is True, expected an integer from 0"),
        (an_order(trailing_stop_points="5"), "trailing_stop_points is '5', expected an integer from 0"),
        (an_order(past_rules=[1]), "past_rules is [1], expected a list of at most 32 texts"),
        (b'{"symbol": "EURUSD", "reason": "test"}', "side is missing, expected BUY or SELL"),
    ],
)
def test_a_wrong_body_is_refused(payload: bytes, expected: str) -> None:
    assert expected in refusal_of_body(payload)


def test_a_wrong_secret_is_not_repeated() -> None:
    text = refusal_of_body(json.dumps({"user": "anna", "password": "hunter2" * 2_000}).encode(), SignIn)
    assert text == "password is wrong, expected a text of 0 to 8192 characters"
