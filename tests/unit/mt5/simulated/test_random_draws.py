"""A draw depends on seed and purpose alone, is uniform, and is never 0 or 1."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from services.mt5.core.simulated.random_draws import standard_normal, uniform

DRAWS = [uniform(7, number, "test") for number in range(10_000)]


def test_the_same_purpose_draws_the_same_number_again() -> None:
    assert uniform(7, 12, 3, "depth") == uniform(7, 12, 3, "depth")


def test_a_draw_has_a_fixed_value() -> None:
    """With another function, past runs could not be reproduced."""
    assert uniform(1, 1, 1, "depth") == 0.25766900687650207


@pytest.mark.parametrize(
    "other",
    [
        lambda: uniform(8, 12, 3, "depth"),
        lambda: uniform(7, 13, 3, "depth"),
        lambda: uniform(7, 12, 4, "depth"),
        lambda: uniform(7, 12, 3, "size"),
        lambda: uniform(7, 1, 23, "depth"),
    ],
)
def test_another_seed_ticket_fill_or_purpose_gives_another_draw(other: Callable[[], float]) -> None:
    assert uniform(7, 12, 3, "depth") != other()


def test_draws_are_uniform_and_never_0_or_1() -> None:
    assert 0 < min(DRAWS) < max(DRAWS) < 1
    for tenth in range(10):
        share = sum(tenth <= 10 * draw < tenth + 1 for draw in DRAWS) / len(DRAWS)
        assert abs(share - 0.1) < 0.015, f"{share} of the draws are in the tenth {tenth}"


def test_consecutive_draws_are_not_correlated() -> None:
    products = [(one - 0.5) * (other - 0.5) for one, other in pairwise(DRAWS)]
    assert abs(sum(products) / len(products)) < 0.004, "the covariance is far below the variance of 0.083"


def test_the_normal_quantile_has_the_known_values() -> None:
    assert standard_normal(0.5) == 0
    assert standard_normal(0.975) == pytest.approx(1.959964, abs=1e-6)
    assert standard_normal(0.025) == pytest.approx(-1.959964, abs=1e-6)
