"""Tests of orchestration: environment, configuration, control socket, and the audit of a stopped desk."""
