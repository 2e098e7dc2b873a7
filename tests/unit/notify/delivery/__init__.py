"""Tests of the delivery of messages: targets, secrets, background sending and the dead man's switch."""
