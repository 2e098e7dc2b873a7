"""Tests of the portfolio process over real sockets."""
