"""Ids of orders: those of the desk's own form, and all others."""

from __future__ import annotations

import pytest

from services.portfolio.core.account.orders import id_parts


@pytest.mark.parametrize(
    ("order_id", "parts"),
    [
        ("0123abcd-000017", ("0123abcd", 17)),
        ("0123abcd-\u0661\u0667", ("0123abcd-\u0661\u0667", 0)),
        ("0123abcd-1_7", ("0123abcd-1_7", 0)),
        ("somebody's", ("somebody's", 0)),
    ],
)
def test_the_number_in_an_order_id_of_the_desk_is_ascii_digits(order_id: str, parts: tuple[str, int]) -> None:
    assert id_parts(order_id) == parts
