"""Tests of messages, units, money and the codec."""
