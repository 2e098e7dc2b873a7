"""Tests of the web process over real sockets."""
