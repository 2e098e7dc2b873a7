"""Tests of the checks of `paperdesk doctor`."""
