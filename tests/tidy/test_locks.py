"""The lock files pin every package that the input files name, and contain no address of a package registry."""

import re

import pytest

from tests.tidy.source import ROOT

LOCKS = ("base.lock", "dev.lock", "peers.lock")


def text_of(name: str) -> str:
    """The text of a file in requirements/."""
    return (ROOT / "requirements" / name).read_text()


def entries_of(name: str) -> dict[str, str]:
    """Each locked package with the rest of its entry: version, marker and hashes."""
    return dict(re.findall(r"^([a-z0-9-]+)==((?:.*\\\n)*.*)$", text_of(name), flags=re.MULTILINE))


def versions_of(name: str) -> dict[str, str]:
    """Each locked package with its version."""
    return {package: entry.split()[0] for package, entry in entries_of(name).items()}


def packages_in(name: str) -> set[str]:
    """The packages named in an .in file, without those of the files that it includes."""
    return set(re.findall(r"^[a-z][a-z0-9-]*", text_of(name), flags=re.MULTILINE))


@pytest.mark.parametrize("stem", ["base", "dev", "peers"])
def test_a_lock_file_has_every_package_of_its_input_file(stem: str) -> None:
    assert packages_in(f"{stem}.in")
    assert packages_in(f"{stem}.in") <= versions_of(f"{stem}.lock").keys(), "run `make lock`"


def test_tests_run_with_the_locked_versions_of_production() -> None:
    assert versions_of("base.lock").items() <= versions_of("dev.lock").items(), "run `make lock`"


def test_other_libraries_are_compared_with_the_locked_version_of_xgboost() -> None:
    ours, theirs = versions_of("base.lock"), versions_of("peers.lock")
    for package in ("xgboost", "xgboost-cpu"):
        assert theirs[package] == ours[package]


@pytest.mark.parametrize("lock", LOCKS)
def test_each_package_has_one_locked_version_for_all_pythons(lock: str) -> None:
    packages = re.findall(r"^([a-z0-9-]+)==", text_of(lock), flags=re.MULTILINE)
    assert len(packages) == len(set(packages))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes(lock: str) -> None:
    assert [package for package, entry in entries_of(lock).items() if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_has_no_address_of_a_registry(lock: str) -> None:
    assert not re.search(r"://|^\s*--(?!hash)", text_of(lock), flags=re.MULTILINE)
