"""The table of operations is complete and free of contradictions."""

from __future__ import annotations

import re

from services.web.api.errors import ERROR_TEXTS
from services.web.api.openapi import error_types
from services.web.api.operations import OPERATIONS
from services.web.security.identity import Role


def test_methods_and_paths_and_names_are_unique() -> None:
    assert len({(one.method, one.path) for one in OPERATIONS}) == len(OPERATIONS)
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)
    assert all(re.fullmatch(r"(/[a-z{}._-]+)+", one.path) for one in OPERATIONS)


def test_only_signing_in_needs_no_identity() -> None:
    assert [one.name for one in OPERATIONS if one.role is None] == ["sign_in"]


def test_a_command_needs_the_role_trade_and_a_reason() -> None:
    commands = [one for one in OPERATIONS if one.path.startswith("/commands/")]
    assert len(commands) == 8
    for one in commands:
        assert (one.method, one.role, one.is_command) == ("POST", Role.TRADE, True)
        assert one.body is not None
        assert "reason" in one.body.__struct_fields__
        assert {409, 422, 503} <= set(error_types(one))


def test_a_read_changes_nothing_and_needs_the_role_read() -> None:
    for one in OPERATIONS:
        if one.method == "GET":
            assert (one.role, one.body, one.is_command) == (Role.READ, None, False), one.name


def test_each_status_of_an_error_has_a_meaning() -> None:
    assert {status for one in OPERATIONS for status in error_types(one)} <= set(ERROR_TEXTS)


def test_each_body_has_an_example_of_its_type() -> None:
    for one in OPERATIONS:
        assert (one.body is None) == (one.example is None), one.name
        assert one.body is None or isinstance(one.example, one.body), one.name


def test_a_fixed_path_is_matched_before_a_parameter() -> None:
    paths = [one.path for one in OPERATIONS]
    for path in paths:
        start, parameter, _ = path.partition("{")
        if parameter:
            later = paths[paths.index(path) + 1 :]
            assert not [fixed for fixed in later if fixed.startswith(start) and "{" not in fixed], path
