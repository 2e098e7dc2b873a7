"""Tests of units, money, and the trading arithmetic that desk and venue share."""
