"""With REQUIRE_ALL=1 a skipped test fails. Passed tests and expected failures keep their outcome."""

import pytest

A_SUITE = """
import pytest

@pytest.fixture
def daemon():
    pytest.skip("no daemon from a fixture")

def test_runs():
    pass

def test_skips_inside():
    pytest.skip("no daemon inside")

def test_skips_in_a_fixture(daemon):
    pass

@pytest.mark.skip(reason="no daemon by mark")
def test_skips_by_mark():
    pass

@pytest.mark.xfail(reason="known")
def test_fails_as_expected():
    assert False
"""

OUR_HOOKS = "from tests.support.require_all import pytest_make_collect_report, pytest_runtest_makereport"


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A suite without tests, with the hooks of `require_all.py`."""
    pytester.makeconftest(OUR_HOOKS)
    return pytester


def test_a_skip_stays_a_skip_when_not_everything_is_required(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    suite.makepyfile(A_SUITE)
    suite.runpytest_inprocess().assert_outcomes(passed=1, skipped=3, xfailed=1)


def test_every_kind_of_skip_fails_with_its_reason_when_everything_is_required(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")
    suite.makepyfile(A_SUITE)
    result = suite.runpytest_inprocess()
    # pytest counts a failure before the body of a test as an error.
    result.assert_outcomes(passed=1, failed=1, errors=2, xfailed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    for reason in ("no daemon inside", "no daemon from a fixture", "no daemon by mark"):
        result.stdout.fnmatch_lines([f"*REQUIRE_ALL=1 and this did not run: *{reason}*"])


def test_a_module_that_skips_itself_fails_the_run_when_everything_is_required(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")
    suite.makepyfile("import pytest\npytest.importorskip('no_such_module')\ndef test_never_seen(): pass")
    result = suite.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    assert result.ret != pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*REQUIRE_ALL=1 and this did not run: *no_such_module*"])
