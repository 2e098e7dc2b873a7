"""The risk ladder: each rule denies past its limit, passes at it, and a reduction is stopped only by validity."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from common.errors import StartError
from services.portfolio.core.risk import DEFAULT_LIMITS, NO_LIMITS, Limits, Proposal, check
from services.portfolio.settings import limits_named
from tests.support.builders import an_instrument

D = Decimal
EURUSD = an_instrument()


def a_proposal(volume: str, opens: str | None = None, *, convertible: bool = True) -> Proposal:
    """An order of `volume` lots that opens all of them unless told otherwise."""
    return Proposal(EURUSD, D(volume), D(opens if opens is not None else volume), convertible)


def code(proposal: Proposal, limits: Limits = NO_LIMITS) -> str | None:
    denial = check(proposal, limits)
    return None if denial is None else denial.code


@pytest.mark.parametrize("volume", ["0.01", "0.29", "1.10", "99.99", "100", "1E+2"])
def test_volumes_on_the_venues_steps_pass(volume: str) -> None:
    assert code(a_proposal(volume)) is None


@pytest.mark.parametrize("volume", ["0", "0.009", "0.005", "0.015", "100.01", "0.010001", "-0.01"])
def test_volumes_that_the_venue_would_not_take_are_denied(volume: str) -> None:
    assert code(a_proposal(volume)) == "INVALID_VOLUME"


def test_a_denial_tells_limit_and_observation() -> None:
    assert check(a_proposal("0.015"), NO_LIMITS) == (
        "INVALID_VOLUME",
        "0.01 to 100 lots in steps of 0.01",
        "0.015 lots of EURUSD",
    )
    assert check(a_proposal("1.01"), DEFAULT_LIMITS) == ("ORDER_VOLUME", "1 lots", "1.01 lots")


def test_a_minimum_above_the_step_counts() -> None:
    terms = structs.replace(EURUSD, volume_min=D("0.1"), volume_step=D("0.1"))
    assert code(Proposal(terms, D("0.1"), D("0.1"), True)) is None
    assert code(Proposal(terms, D("0.05"), D("0.05"), True)) == "INVALID_VOLUME"
    assert code(Proposal(terms, D("0.15"), D("0.15"), True)) == "INVALID_VOLUME"


def test_a_profit_that_could_not_be_booked_is_denied() -> None:
    assert code(a_proposal("0.01", convertible=False)) == "NO_CONVERSION_RATE"


def test_the_order_limit_denies_just_past_it_and_passes_at_it() -> None:
    assert code(a_proposal("1"), DEFAULT_LIMITS) is None
    assert code(a_proposal("1.01"), DEFAULT_LIMITS) == "ORDER_VOLUME"
    assert code(a_proposal("1.01"), NO_LIMITS) is None


def test_what_closes_does_not_count_towards_the_order_limit() -> None:
    assert code(a_proposal("50", "0"), DEFAULT_LIMITS) is None
    assert code(a_proposal("51", "1"), DEFAULT_LIMITS) is None
    assert code(a_proposal("51.01", "1.01"), DEFAULT_LIMITS) == "ORDER_VOLUME"


def test_a_reduction_is_stopped_by_validity_in_any_set() -> None:
    assert code(a_proposal("100.01", "0"), DEFAULT_LIMITS) == "INVALID_VOLUME"


def test_validity_is_told_before_a_limit() -> None:
    assert code(a_proposal("1.005"), DEFAULT_LIMITS) == "INVALID_VOLUME"


def test_the_named_sets_are_the_ones_that_settings_know() -> None:
    assert limits_named("default") is DEFAULT_LIMITS
    assert limits_named("none") is NO_LIMITS


def test_a_file_changes_a_limit_and_is_named_by_what_it_says(tmp_path: Path) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text("order_volume_max = 0.5\n")
    other.write_text("# the same\norder_volume_max = 0.50\n")
    assert limits_named(str(one)).order_volume_max == D("0.5")
    assert limits_named(str(one)).name == limits_named(str(other)).name == "order_volume_max=0.5"


@pytest.mark.parametrize(
    "text", ["order_volume_max = 0", "order_volume_max = -1", "order_volume_max = nan", "other = 1", "= 1", "a = '\0'"]
)
def test_a_file_with_a_wrong_limit_stops_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(text)
    with pytest.raises(StartError, match="RISK: "):
        limits_named(str(path))


def test_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="expected default, none or a TOML file"):
        limits_named(str(tmp_path / "none.toml"))
