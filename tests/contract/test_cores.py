"""Every service has one core, and all cores have the methods of `proto.core.Core`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

from proto.core import Core

ROOT = Path(__file__).parents[2]
METHODS = ("start", "handle", "next_timer", "on_timer")
"""Methods that every core must define itself."""

SERVICES = sorted(folder.parent.name for folder in (ROOT / "services").glob("*/core") if folder.is_dir())


def cores_of(service: str) -> list[type]:
    """The cores that are defined in the `core` folder of a service."""
    folder = importlib.import_module(f"services.{service}.core")
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(folder.__path__, f"{folder.__name__}.")
        if not found.ispkg
    ]
    return [
        found
        for module in modules
        for found in vars(module).values()
        if inspect.isclass(found) and found.__module__ == module.__name__ and Core in found.__mro__
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_one_core_with_every_method(service: str) -> None:
    [core] = cores_of(service)
    for method in METHODS:
        assert method in vars(core), f"{core.__name__} has no {method}"
    for method in (*METHODS, "on_idle"):
        expected, own = (list(inspect.signature(getattr(owner, method)).parameters) for owner in (Core, core))
        assert len(own) == len(expected), f"{core.__name__}.{method} takes {own}, expected {expected}"
        assert own[-1] == expected[-1], f"{core.__name__}.{method} takes {own}, expected {expected}"
