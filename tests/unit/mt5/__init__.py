"""Tests of the gateway process: start, settings and fill profiles. The folders have the tests of its packages."""
