"""Tests of users, sessions, tokens and the checks of requests."""
