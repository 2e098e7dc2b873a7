"""Fixtures of the gateway's contract tests."""

from tests.contract.gateway.stores import reopen

__all__ = ["reopen"]
