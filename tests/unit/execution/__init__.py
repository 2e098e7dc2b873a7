"""Tests of the courier of execution, without sockets."""
