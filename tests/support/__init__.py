"""Builders, fakes and hooks that more than one test folder needs."""
