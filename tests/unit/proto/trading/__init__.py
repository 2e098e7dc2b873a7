"""Tests of units, money and the trading arithmetic shared by desk and venue."""
