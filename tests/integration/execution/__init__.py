"""Tests of the execution process and its facade over real sockets."""
