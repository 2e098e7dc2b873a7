"""Tests of the execution process and of its Python client over real sockets."""
