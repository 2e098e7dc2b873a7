"""Delivery of messages to people: targets by apprise, secrets of targets, and the dead man's switch."""
