"""Tests of the gateway client on live and lock-step desks, including faults of gateway and venue."""
