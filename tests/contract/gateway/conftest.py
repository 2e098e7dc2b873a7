"""Fixtures of the gateway's contract suites."""

from tests.contract.gateway.stores import reopen

__all__ = ["reopen"]
