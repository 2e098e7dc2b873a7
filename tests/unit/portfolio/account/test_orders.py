"""Splitting of order ids into incarnation and number."""

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
def test_an_order_id_is_split_and_an_id_of_another_form_is_an_incarnation_with_number_0(
    order_id: str, parts: tuple[str, int]
) -> None:
    assert id_parts(order_id) == parts
